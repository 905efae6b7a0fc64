#include "placer/algorithm/task_levels.h"

#include <bit>
#include <numeric>

#include <gtest/gtest.h>

#include "placer/algorithm/contention_list.h"
#include "placer/algorithm/online_list.h"
#include "placer/algorithm/step_model.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

struct Owned {
  explicit Owned(std::uint64_t seed, std::size_t nodes = 120)
      : workload(test::random_workload(seed, {.nodes = nodes, .unsupported = 0.2})),
        cluster(test::random_cluster(seed, {.devices = 2 + seed % 4})),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, {})),
        evaluator(costs, constraints),
        graph(
            make_task_graph({.costs = costs, .constraints = constraints, .evaluator = evaluator})) {
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  test::LoadEvaluator evaluator;
  TaskGraph graph;
};

std::vector<std::uint8_t> lowest_devices(const TaskGraph& graph) {
  std::vector<std::uint8_t> device;
  for (const std::uint32_t unit : graph.unit_of) {
    device.push_back(static_cast<std::uint8_t>(std::countr_zero(graph.allowed[unit])));
  }
  return device;
}

void expect_well_formed(const TaskGraph& graph) {
  for (std::uint32_t v = 0; v < graph.num_values(); ++v) {
    for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
      ASSERT_GT(graph.reader[r], graph.producer[v]) << "a cycle, or out of order";
    }
  }
  for (const std::uint64_t mask : graph.allowed) EXPECT_NE(mask, 0U);
}

TEST(TaskLevels, EveryLevelIsAcyclicAndKeepsTheWork) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Owned owned(seed);
    const auto sum = [](const std::vector<std::int64_t>& all) {
      return std::accumulate(all.begin(), all.end(), std::int64_t{0});
    };
    for (const TaskLevel& level : coarsen(owned.graph, {.target = 8, .seed = seed})) {
      expect_well_formed(level.graph);
      EXPECT_EQ(sum(level.graph.mean_time), sum(owned.graph.mean_time));
      EXPECT_EQ(sum(level.graph.bytes), sum(owned.graph.bytes));
      EXPECT_EQ(sum(level.graph.persistent), sum(owned.graph.persistent));
    }
  }
}

TEST(TaskLevels, ProjectionKeepsUnitsAndAllowedDevices) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Owned owned(seed);
    const auto levels = coarsen(owned.graph, {.target = 8, .seed = seed});
    ASSERT_FALSE(levels.empty());
    std::vector<std::uint8_t> device = lowest_devices(levels.back().graph);
    for (std::size_t l = levels.size(); l-- > 0;) device = project(device, levels[l].cluster_of);
    Placement placement;
    for (const std::uint8_t d : device) placement.device.push_back(id_at<DeviceId>(d));
    EXPECT_EQ(first_violation(owned.workload.graph, owned.cluster, owned.constraints, placement),
              "");
  }
}

TEST(TaskLevels, WhatIsTogetherStaysAndComesBackUnchanged) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Owned owned(seed);
    const std::vector<std::uint8_t> device = lowest_devices(owned.graph);
    const auto levels =
        coarsen(owned.graph, {.target = 8, .seed = seed, .together = std::span(device)});
    std::vector<std::uint8_t> there = device;
    for (const TaskLevel& level : levels) there = restrict_to(there, level);
    for (std::size_t l = levels.size(); l-- > 0;) there = project(there, levels[l].cluster_of);
    EXPECT_EQ(there, device);
  }
}

TEST(TaskLevels, NoneForASmallGraph) {
  const Owned owned(1, 20);
  EXPECT_TRUE(coarsen(owned.graph, {.target = 1000}).empty());
}

TEST(ContentionList, KeepsUnitsAndAllowedDevicesWhateverIsFrozen) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Owned owned(seed);
    StepModel model(owned.graph);
    ContentionList list(owned.graph);
    const auto expected = lowest_devices(owned.graph);
    std::vector<std::uint8_t> frozen(owned.graph.num_units(), 0);
    for (std::size_t u = 0; u < frozen.size(); u += 2) frozen[u] = 1;
    const auto device = list.run(model.by_rank(), {.bytes = owned.graph.limit},
                                 {.price = 1, .expected = expected, .frozen = frozen});
    for (std::uint32_t t = 0; t < owned.graph.num_tasks; ++t) {
      const std::uint32_t unit = owned.graph.unit_of[t];
      EXPECT_NE(owned.graph.allowed[unit] >> device[t] & 1, 0U);
      EXPECT_TRUE(frozen[unit] == 0 || device[t] == expected[t]);
    }
  }
}

TEST(OnlineList, KeepsUnitsAndAllowedDevicesAndStartsEveryTaskOnceAfterItsInputs) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Owned owned(seed);
    const TaskGraph& graph = owned.graph;
    const StepModel model(graph);
    const auto expected = lowest_devices(graph);
    std::vector<std::uint8_t> frozen(graph.num_units(), 0);
    for (std::size_t u = 0; u < frozen.size(); u += 2) frozen[u] = 1;
    OnlineList list(graph);
    const ListOptions options{.price = 1, .expected = expected, .frozen = frozen};
    const OrderedPlacement found = list.run(model.by_rank(), {.bytes = graph.limit}, options);
    EXPECT_EQ(list.run(model.by_rank(), {.bytes = graph.limit}, options).order, found.order);
    for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
      const std::uint32_t unit = graph.unit_of[t];
      EXPECT_NE(graph.allowed[unit] >> found.device[t] & 1, 0U);
      EXPECT_TRUE(frozen[unit] == 0 || found.device[t] == expected[t]);
    }
    ASSERT_EQ(found.order.size(), graph.num_tasks);
    constexpr std::size_t kNever = ~std::size_t{0};
    std::vector<std::size_t> position(graph.num_tasks, kNever);
    for (std::size_t i = 0; i < found.order.size(); ++i) {
      EXPECT_EQ(position[found.order[i]], kNever) << "started twice";
      position[found.order[i]] = i;
    }
    for (std::uint32_t v = 0; v < graph.num_values(); ++v) {
      for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
        EXPECT_LT(position[graph.producer[v]], position[graph.reader[r]]);
      }
    }
  }
}

// Two chains of equal ops, independent: nothing is gained by moving data, and nobody waits.
TEST(OnlineList, ChainsStayWhereTheyAreAndShareTheDevices) {
  TaskGraph graph;
  graph.num_tasks = 6;  // 0 2 4 and 1 3 5
  graph.num_devices = 2;
  graph.time.assign(12, 10);
  graph.mean_time.assign(6, 10);
  graph.takes_device.assign(6, true);
  graph.first_value = {0, 1, 2, 3, 4, 4, 4};
  graph.first_reader = {0, 1, 2, 3, 4};
  graph.reader = {2, 3, 4, 5};
  graph.producer = {0, 1, 2, 3};
  graph.occupancy.assign(4, 5);
  graph.mean_transfer.assign(4, 5);
  graph.first_input = {0, 0, 0, 1, 2, 3, 4};
  graph.input = {0, 1, 2, 3};
  graph.num_classes = 1;
  graph.link_class.assign(4, 0);
  graph.latency.assign(4, 1);
  graph.bus.assign(4, 0);
  graph.unit_of = {0, 1, 2, 3, 4, 5};
  graph.allowed.assign(6, 3);
  graph.persistent.assign(6, 0);
  graph.bytes.assign(6, 0);
  graph.limit.assign(2, 100);
  StepModel model(graph);
  const OrderedPlacement found = OnlineList(graph).run(model.by_rank(), {.bytes = graph.limit}, {});
  EXPECT_EQ(found.device, (std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(model.run(found.device, found.order), 30);
}

}  // namespace
}  // namespace placer
