#include "placer/group/grouping.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

// Everything grouping.h promises.
void expect_valid(const Graph& graph, const Constraints& constraints, const Grouping& grouping) {
  ASSERT_EQ(grouping.group_of.size(), graph.size());
  const std::vector<bool> settled = settled_nodes(graph);
  std::vector<std::uint64_t> mask(grouping.num_groups, ~std::uint64_t{0});
  std::set<GroupId> used;
  std::map<std::uint32_t, std::set<GroupId>> groups_of_unit;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const GroupId group = grouping.group_of[v];
    ASSERT_LT(index(group), grouping.num_groups);
    used.insert(group);
    groups_of_unit[constraints.unit_of[v]].insert(group);
    mask[index(group)] &= constraints.allowed[v];
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      if (!settled[v] && graph.node(use.consumer).kind != NodeKind::kOutput) {
        EXPECT_LE(index(group), index(grouping.group_of[index(use.consumer)]))
            << graph.nodes()[v].name << " -> " << graph.node(use.consumer).name;
      }
    }
  }
  EXPECT_EQ(used.size(), grouping.num_groups) << "empty groups";
  for (const std::uint64_t devices : mask) {
    EXPECT_NE(devices, 0U);
  }
  std::size_t divided = 0;
  for (const auto& [unit, groups] : groups_of_unit) {
    divided += groups.size() > 1 ? 1 : 0;
  }
  EXPECT_EQ(divided, grouping.divided_units);
}

GroupId group_named(const Workload& workload, const Grouping& grouping, const std::string& name) {
  return grouping.group_of[index(workload.graph.find(name).value())];
}

TEST(Grouping, IsValidOnRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload =
        test::random_workload(seed, {.nodes = 20 + 5 * seed, .unsupported = 0.1});
    const Cluster cluster = test::random_cluster(seed, {.devices = 2 + seed % 3});
    const CostModel costs(workload, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    for (const std::size_t most : {1, 4, 16, 1000}) {
      const Grouping grouping = group_nodes(costs, constraints, {.max_groups = most});
      expect_valid(workload.graph, constraints, grouping);
    }
  }
}

TEST(Grouping, KeepsTheLimitWhereConstraintsAllow) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload = test::random_workload(seed, {.nodes = 300});
    const Cluster cluster = test::random_cluster(seed);
    const CostModel costs(workload, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    for (const std::size_t most : {1, 7, 40}) {
      EXPECT_LE(group_nodes(costs, constraints, {.max_groups = most}).num_groups, most);
    }
  }
}

TEST(Grouping, IsDeterministic) {
  const Workload workload = test::random_workload(3, {.nodes = 400});
  const Cluster cluster = test::random_cluster(3);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping once = group_nodes(costs, constraints, {.max_groups = 30});
  EXPECT_EQ(group_nodes(costs, constraints, {.max_groups = 30}).group_of, once.group_of);
}

TEST(Grouping, UndividedUnitsAreOneGroup) {
  const Workload workload = test::training_chain(8);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 16});
  expect_valid(workload.graph, constraints, grouping);
  // The update writes the weight after the forward op read it: still one group, as edges out of
  // state order nothing.
  EXPECT_EQ(grouping.divided_units, 0U);
  EXPECT_EQ(group_named(workload, grouping, "layer3.weight"),
            group_named(workload, grouping, "layer3/update"));
}

TEST(Grouping, WeightGradientsStayApartFromTheChainOfInputGradients) {
  const Workload workload = test::training_chain(20);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  for (const std::size_t most : {64, 30, 16}) {
    const Grouping grouping = group_nodes(costs, constraints, {.max_groups = most});
    std::set<GroupId> chain;
    for (int i = 1; i < 20; ++i) {
      chain.insert(group_named(workload, grouping, "layer" + std::to_string(i) + "/dx"));
    }
    int glued = 0;
    for (int i = 1; i < 20; ++i) {
      glued += chain.contains(group_named(workload, grouping, "layer" + std::to_string(i) + "/dw"))
                   ? 1
                   : 0;
    }
    // At the end of the step the chain has nothing left to run beside.
    EXPECT_LE(glued, 4) << most << " groups";
  }
}

TEST(Grouping, AWeightGradientGoesWithItsOnlyReader) {
  const Workload workload = test::training_chain(4);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 12});
  EXPECT_EQ(group_named(workload, grouping, "layer2/dw"),
            group_named(workload, grouping, "layer2/update"));
  EXPECT_EQ(group_named(workload, grouping, "layer2/dw"),
            group_named(workload, grouping, "layer2/gradient"));
}

TEST(Grouping, DividesAModuleThatIsBeforeAndAfterOthers) {
  const Workload workload = test::training_chain(3);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints =
      resolve_constraints(costs, {.colocate = {"layer0", "layer1", "layer2"}});
  const Grouping grouping = group_nodes(costs, constraints, {});
  expect_valid(workload.graph, constraints, grouping);
  // layer0 and layer1 run forward before the others and backward after them; layer2's forward and
  // backward surround loss_backward.
  EXPECT_EQ(grouping.divided_units, 3U);
  EXPECT_NE(group_named(workload, grouping, "layer0/forward"),
            group_named(workload, grouping, "layer0/dw"));
  // The parts share a device in the contracted problem.
  const Constraints coarse = contract(constraints, grouping);
  EXPECT_EQ(coarse.unit_of[index(group_named(workload, grouping, "layer0/forward"))],
            coarse.unit_of[index(group_named(workload, grouping, "layer0/dw"))]);
  EXPECT_NE(coarse.unit_of[index(group_named(workload, grouping, "layer0/forward"))],
            coarse.unit_of[index(group_named(workload, grouping, "layer1/dx"))]);
}

// The ends u1 and u2 of a chain share a device, p and q between them are pinned to different ones:
// u1 with p and u2 with q would leave the unit no device.
TEST(Grouping, PartsOfAUnitDoNotMergeIntoGroupsThatContradict) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  const TensorRef u1 = maker.op("u1", {.inputs = {x}, .time_us = 1});
  const TensorRef p = maker.op("p", {.inputs = {u1}, .time_us = 1000});
  const TensorRef q = maker.op("q", {.inputs = {p}, .time_us = 1000});
  maker.op("u2", {.inputs = {q}, .time_us = 2});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints =
      resolve_constraints(costs, {.pin = {"p=cpu:1", "q=cpu:0"}, .colocate = {"u*"}});
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 2});
  const Constraints coarse = contract(constraints, grouping);
  for (const std::uint64_t allowed : coarse.allowed) {
    EXPECT_NE(allowed, 0U);
  }
  EXPECT_EQ(coarse.unit_of[index(group_named(workload, grouping, "u1"))],
            coarse.unit_of[index(group_named(workload, grouping, "u2"))]);
}

TEST(Grouping, StateThatNobodyWritesGoesWithItsFirstReader) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  const TensorRef w = maker.state("w", 4);
  const TensorRef transposed = maker.op("t", {.inputs = {w}, .view = true});
  const TensorRef a = maker.op("a", {.inputs = {x}, .time_us = 1000});
  maker.op("b", {.inputs = {a, transposed}, .time_us = 1000});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping grouping = group_nodes(costs, constraints, {});
  EXPECT_EQ(group_named(workload, grouping, "w"), group_named(workload, grouping, "b"));
  EXPECT_EQ(group_named(workload, grouping, "t"), group_named(workload, grouping, "b"));
  EXPECT_EQ(group_named(workload, grouping, "x"), group_named(workload, grouping, "a"));
}

TEST(Grouping, APinDoesNotSpreadToReadersOfAState) {
  test::WorkloadMaker maker;
  const TensorRef w = maker.state("w", 4);
  maker.op("a", {.inputs = {w}, .time_us = 1000});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {.pin = {"w=cpu:1"}});
  const Grouping grouping = group_nodes(costs, constraints, {});
  const Constraints coarse = contract(constraints, grouping);
  EXPECT_EQ(coarse.allowed[index(group_named(workload, grouping, "w"))], 0b10U);
  EXPECT_EQ(coarse.allowed[index(group_named(workload, grouping, "a"))], 0b11U);
}

// Work per time step and layer: a stack of two recurrent layers over six steps. With few groups a
// group is a run of time steps of one layer, so that the layers can be on two devices (the picture
// of model parallelism).
TEST(Grouping, RecurrentLayersAreNotGluedToOneAnother) {
  test::WorkloadMaker maker;
  constexpr int kSteps = 8;
  std::vector<TensorRef> hidden{maker.input("h0", 4), maker.input("h1", 4)};
  for (int t = 0; t < kSteps; ++t) {
    TensorRef below = maker.input("x" + std::to_string(t), 4);
    for (std::size_t layer = 0; layer < 2; ++layer) {
      const std::string module = "rnn." + std::to_string(layer);
      const std::string suffix = std::to_string(layer) + "_" + std::to_string(t);
      const TensorRef gates = maker.op(
          "gates" + suffix, {.inputs = {below, hidden[layer]}, .time_us = 900, .module = module});
      hidden[layer] =
          maker.op("cell" + suffix, {.inputs = {gates}, .time_us = 100, .module = module});
      below = hidden[layer];
    }
  }
  maker.op("loss", {.inputs = {hidden[1]}, .time_us = 10});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  for (const std::size_t most : {16, 8, 6}) {
    const Grouping grouping = group_nodes(costs, constraints, {.max_groups = most});
    expect_valid(workload.graph, constraints, grouping);
    std::array<std::set<GroupId>, 2> groups;
    for (int t = 0; t < kSteps; ++t) {
      for (std::size_t layer = 0; layer < 2; ++layer) {
        groups[layer].insert(group_named(
            workload, grouping, "gates" + std::to_string(layer) + "_" + std::to_string(t)));
      }
    }
    std::vector<GroupId> both;
    std::set_intersection(groups[0].begin(), groups[0].end(), groups[1].begin(), groups[1].end(),
                          std::back_inserter(both));
    // The last step's layers have nothing left to run beside.
    EXPECT_LE(both.size(), 1U) << most << " groups";
  }
}

}  // namespace
}  // namespace placer
