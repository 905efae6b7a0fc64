#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/group/grouping.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

std::vector<GroupId> ids(std::initializer_list<std::uint32_t> groups) {
  std::vector<GroupId> result;
  for (const std::uint32_t group : groups) {
    result.push_back(static_cast<GroupId>(group));
  }
  return result;
}

// x -> a -> b -> d and a -> c -> d, groups {x, a, b}, {c}, {d}.
Workload diamond() {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 64);
  const TensorRef a =
      maker.op("a", {.inputs = {x}, .time_us = 1, .output_bytes = {100}, .module = "m.p"});
  const TensorRef b = maker.op(
      "b", {.inputs = {a}, .time_us = 2, .output_bytes = {200}, .module = "m.q", .workspace = 7});
  const TensorRef c = maker.op("c", {.inputs = {a}, .time_us = 4, .output_bytes = {300}});
  maker.op("d", {.inputs = {b, c, a}, .time_us = 8, .output_bytes = {400}});
  return maker.finish();
}

class ContractTest : public ::testing::Test {
 protected:
  Workload workload_ = diamond();
  Grouping grouping_{ids({0, 0, 0, 1, 2}), 3, 0};
};

TEST_F(ContractTest, SumsTimesAndKeepsTensorsThatLeave) {
  const Workload coarse = contract(workload_, grouping_);
  ASSERT_EQ(coarse.graph.size(), 3U);
  const KindTimes& times = coarse.times.kinds().front();
  EXPECT_EQ(times.ops[0]->time, from_microseconds(3));
  EXPECT_EQ(times.ops[1]->time, from_microseconds(4));
  EXPECT_EQ(times.ops[2]->time, from_microseconds(8));
  // a goes to c and d, b to d; each once.
  const Node& first = coarse.graph.nodes()[0];
  ASSERT_EQ(first.outputs.size(), 2U);
  EXPECT_EQ(first.outputs[0].bytes, Bytes{100});
  EXPECT_EQ(first.outputs[1].bytes, Bytes{200});
  EXPECT_EQ(first.workspace, Bytes{7});
  EXPECT_EQ(first.op, "group");
  EXPECT_EQ(first.module, "m");
  EXPECT_EQ(coarse.graph.nodes()[1].inputs.size(), 1U);
  EXPECT_EQ(coarse.graph.nodes()[2].inputs.size(), 3U);
  EXPECT_TRUE(coarse.graph.nodes()[2].outputs.empty());
}

TEST_F(ContractTest, AGroupCannotRunWhereAMemberCannot) {
  KindTimes gpu{"gpu", {}, std::vector<std::optional<OpTime>>(5)};
  for (const std::size_t v : {1, 2, 4}) {
    gpu.ops[v].emplace();
    gpu.ops[v]->time = from_microseconds(1);
  }
  workload_.times.set(gpu);
  const Workload coarse = contract(workload_, grouping_);
  const KindTimes* times = coarse.times.find("gpu");
  ASSERT_NE(times, nullptr);
  EXPECT_EQ(times->ops[0]->time, from_microseconds(2));
  EXPECT_FALSE(times->ops[1].has_value());
  EXPECT_TRUE(times->ops[2].has_value());
}

TEST_F(ContractTest, ExpandGivesEachNodeTheDeviceOfItsGroup) {
  const Placement coarse{{DeviceId{1}, DeviceId{0}, DeviceId{2}}, {30, 20, 10}};
  const Placement fine = expand(coarse, grouping_);
  EXPECT_THAT(fine.device,
              ElementsAre(DeviceId{1}, DeviceId{1}, DeviceId{1}, DeviceId{0}, DeviceId{2}));
  EXPECT_THAT(fine.priority, ElementsAre(30, 30, 30, 20, 10));
}

TEST_F(ContractTest, CoarsenTakesTheDeviceWithMostTime) {
  const Cluster cluster = test::cpu_cores(3);
  const CostModel costs(workload_, cluster);
  // Group 0 has x, a (1 us) and b (2 us).
  const Placement fine{{DeviceId{0}, DeviceId{1}, DeviceId{2}, DeviceId{0}, DeviceId{1}}, {}};
  const Placement coarse = coarsen(costs, fine, grouping_);
  EXPECT_THAT(coarse.device, ElementsAre(DeviceId{2}, DeviceId{0}, DeviceId{1}));
  EXPECT_EQ(coarsen(costs, expand(coarse, grouping_), grouping_), coarse);
}

TEST_F(ContractTest, PersistentBytesAreByGroup) {
  EXPECT_THAT(persistent_bytes(workload_.graph, grouping_),
              ElementsAre(Bytes{64}, Bytes{0}, Bytes{0}));
}

TEST(Contract, ConstraintsIntersectWithinGroupsAndUnits) {
  const Constraints fine{.allowed = {0b111, 0b011, 0b110, 0b110},
                         .memory_limit = {Bytes{1}, Bytes{2}, Bytes{3}},
                         .unit_of = {0, 1, 2, 2},
                         .num_units = 3};
  // Node 3 is in another group than node 2, of whose unit it is.
  const Constraints coarse = contract(fine, {ids({0, 0, 1, 2}), 3, 1});
  EXPECT_THAT(coarse.allowed, ElementsAre(0b011U, 0b110U, 0b110U));
  EXPECT_THAT(coarse.unit_of, ElementsAre(0U, 1U, 1U));
  EXPECT_EQ(coarse.num_units, 2U);
  EXPECT_EQ(coarse.memory_limit, fine.memory_limit);
}

TEST(Contract, EdgesOutOfStateThatGoBackAreLeftOut) {
  const Workload workload = test::training_chain(6);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 100});
  const Workload coarse = contract(workload, grouping);
  EXPECT_EQ(coarse.graph.size(), grouping.num_groups);
  // layer3's weight is with its update. The forward op and the input gradient read it before, so
  // that the edge is left out.
  const auto group = [&](const std::string& name) {
    return static_cast<std::uint32_t>(grouping.group_of[index(workload.graph.find(name).value())]);
  };
  const auto reads_from = [&](std::uint32_t reader) {
    std::vector<std::uint32_t> producers;
    for (const TensorRef input : coarse.graph.nodes()[reader].inputs) {
      producers.push_back(static_cast<std::uint32_t>(input.node));
    }
    return producers;
  };
  ASSERT_EQ(group("layer3.weight"), group("layer3/update"));
  ASSERT_LT(group("layer3/dx"), group("layer3/update"));
  EXPECT_THAT(reads_from(group("layer3/dx")), Not(Contains(group("layer3/update"))));
  EXPECT_THAT(reads_from(group("layer3/dw")), Contains(group("layer2/forward")));
}

TEST(Contract, RandomGraphsKeepTotalTimeAndOrder) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload = test::random_workload(seed, {.nodes = 150});
    const Cluster cluster = test::random_cluster(seed);
    const CostModel costs(workload, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 20});
    const Workload coarse = contract(workload, grouping);
    ASSERT_EQ(coarse.graph.size(), grouping.num_groups);
    const auto total = [](const KindTimes& times) {
      SimTime sum;
      for (const auto& op : times.ops) {
        sum += op ? op->time : SimTime{};
      }
      return sum;
    };
    EXPECT_EQ(total(coarse.times.kinds().front()), total(workload.times.kinds().front()));
    for (std::size_t g = 0; g < coarse.graph.size(); ++g) {
      EXPECT_EQ(coarse.graph.nodes()[g].name, "group" + std::to_string(g));
    }
  }
}

}  // namespace
}  // namespace placer
