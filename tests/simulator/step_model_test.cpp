// The search's model of a step against the simulator that it stands for.

#include "placer/algorithm/step_model.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

std::vector<std::uint8_t> devices_of(const Placement& placement) {
  std::vector<std::uint8_t> devices;
  for (const DeviceId device : placement.device) {
    devices.push_back(static_cast<std::uint8_t>(device));
  }
  return devices;
}

std::vector<std::uint32_t> order_of(const Placement& placement) {
  std::vector<std::uint32_t> order(placement.priority.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return placement.priority[a] > placement.priority[b];
  });
  return order;
}

TEST(StepModel, IsTheSimulatorsStepTime) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload = test::random_workload(seed, {.nodes = 10 + seed % 80});
    const Cluster cluster = test::random_cluster(
        seed, {.devices = 1 + seed % 6, .hand_offs = seed % 2 == 0, .pools = false});
    const CostModel costs(workload, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    const auto simulator = sim::make_simulator(costs, {});
    const TaskGraph graph =
        make_task_graph({.costs = costs, .constraints = constraints, .evaluator = *simulator});
    StepModel model(graph);
    for (std::uint64_t trial = 0; trial < 3; ++trial) {
      const Placement placement = test::random_placement(100 * seed + trial, workload, cluster);
      EXPECT_EQ(model.run(devices_of(placement)), simulator->timeline(placement).step_time.ps);
      const Placement ordered =
          test::random_placement(100 * seed + trial, workload, cluster, /*priorities=*/true);
      EXPECT_EQ(model.run(devices_of(ordered), order_of(ordered)),
                simulator->timeline(ordered).step_time.ps);
    }
  }
}

TEST(StepModel, StartsAreThoseOfTheTimeline) {
  const Workload workload = test::random_workload(7, {.nodes = 60});
  const Cluster cluster = test::random_cluster(7, {.devices = 3, .pools = false});
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const auto simulator = sim::make_simulator(costs, {});
  const TaskGraph graph =
      make_task_graph({.costs = costs, .constraints = constraints, .evaluator = *simulator});
  StepModel model(graph);
  const Placement placement = test::random_placement(7, workload, cluster);
  static_cast<void>(model.run(devices_of(placement)));
  for (const sim::OpRecord& op : simulator->timeline(placement).ops) {
    EXPECT_EQ(model.start()[index(op.node)], op.start.ps);
  }
}

}  // namespace
}  // namespace placer
