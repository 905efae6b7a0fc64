// What must hold for every graph, cluster and placement; seeds are printed on failure.

#include <algorithm>
#include <map>
#include <tuple>

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/random.h"
#include "simulator/simulator.h"
#include "tests/simulator/random_case.h"
#include "tests/simulator/reference_simulator.h"
#include "tests/support/random_graph.h"

namespace placer::sim {
namespace {

using placer::test::random_cluster;
using placer::test::random_placement;
using placer::test::random_workload;
using test::Case;
using test::scattered;

class EveryCase : public testing::TestWithParam<int> {
 protected:
  // Eight cases a parameter: half of them small, where ties and corner cases are dense.
  static std::vector<std::uint64_t> seeds() {
    std::vector<std::uint64_t> result;
    for (std::uint64_t i = 0; i < 8; ++i) {
      result.push_back(static_cast<std::uint64_t>(GetParam()) * 8 + i);
    }
    return result;
  }
  static std::size_t size_of(std::uint64_t seed) { return seed % 2 == 0 ? 14 : 60; }
};
INSTANTIATE_TEST_SUITE_P(Seeds, EveryCase, testing::Range(0, 25));

TEST_P(EveryCase, AgreesWithTheReference) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const test::ReferenceStep expected = test::reference_step(c.costs, c.placement);
    const auto simulator = make_simulator(c.costs, {});
    const Timeline actual = simulator->timeline(c.placement);
    EXPECT_EQ(actual.step_time, expected.step_time);
    EXPECT_EQ(actual.ops, expected.ops);
    EXPECT_EQ(actual.transfers, expected.transfers);
    EXPECT_EQ(actual.outcome.peak_memory, expected.peak_memory);
    EXPECT_EQ(actual.pool_peak, expected.pool_peak);
    const Outcome outcome = simulator->evaluate_one(c.placement);
    EXPECT_EQ(outcome.step_time, expected.step_time);
    EXPECT_EQ(outcome.peak_memory, expected.peak_memory);
  }
}

TEST_P(EveryCase, ADeviceRunsOneOpAtATime) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const Timeline step = make_simulator(c.costs, {})->timeline(c.placement);
    std::map<DeviceId, SimTime> free;
    std::vector<SimTime> busy(c.cluster.size());
    for (const OpRecord& op : step.ops) {
      EXPECT_GE(op.start, free[op.device]);
      EXPECT_GE(op.end - op.start, c.costs.op_time(op.node, op.device));
      EXPECT_LE(op.end - op.start, c.costs.busy_time(op.node, op.device));
      free[op.device] = op.end;
      busy[index(op.device)] += op.end - op.start;
    }
    EXPECT_EQ(step.outcome.busy, busy);
    EXPECT_EQ(std::ranges::count(c.workload.graph.nodes(), NodeKind::kOp, &Node::kind),
              static_cast<std::ptrdiff_t>(step.ops.size()));
  }
}

TEST_P(EveryCase, NoOpStartsBeforeItsInputs) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const Graph& graph = c.workload.graph;
    const Timeline step = make_simulator(c.costs, {})->timeline(c.placement);
    std::map<std::tuple<NodeId, std::uint32_t, DeviceId>, SimTime> arrival;
    for (const TransferRecord& transfer : step.transfers) {
      const auto key = std::tuple(transfer.tensor.node, transfer.tensor.output, transfer.to);
      EXPECT_TRUE(arrival.emplace(key, transfer.arrival).second) << "sent twice";
    }
    std::map<NodeId, SimTime> end;
    for (const OpRecord& op : step.ops) end[op.node] = op.end;
    for (const OpRecord& op : step.ops) {
      for (const TensorRef input : graph.node(op.node).inputs) {
        if (graph.node(input.node).kind == NodeKind::kOp) {
          EXPECT_GE(op.start, end[input.node]);
        }
        const auto sent = arrival.find({input.node, input.output, op.device});
        if (sent != arrival.end()) {
          EXPECT_GE(op.start, sent->second);
        }
      }
      for (const NodeId before : graph.controls(op.node)) EXPECT_GE(op.start, end[before]);
    }
  }
}

// Both ends and the bus of a copy are its own while it takes them.
TEST_P(EveryCase, LinksAreNeverBookedTwice) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const Timeline step = make_simulator(c.costs, {})->timeline(c.placement);
    std::map<std::pair<char, std::size_t>, SimTime> free;
    for (const TransferRecord& transfer : step.transfers) {
      const LinkId id = c.cluster.link_between(transfer.from, transfer.to);
      if (!c.cluster.link(id).bytes_per_second) continue;
      EXPECT_EQ(
          transfer.released - transfer.start,
          c.costs.occupancy(c.workload.graph.tensor(transfer.tensor), transfer.from, transfer.to));
      std::vector<std::pair<char, std::size_t>> ports = {{'e', index(transfer.from)},
                                                         {'i', index(transfer.to)}};
      if (c.cluster.link(id).shared) ports.emplace_back('b', index(id));
      for (const auto& port : ports) {
        EXPECT_GE(transfer.start, free[port]);
        free[port] = transfer.released;
      }
    }
  }
}

TEST_P(EveryCase, ThePathTilesTheStep) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const Timeline step = make_simulator(c.costs, {})->timeline(c.placement);
    SimTime at;
    for (const PathSegment& segment : step.path) {
      EXPECT_EQ(segment.start, at);
      at = segment.end;
    }
    EXPECT_EQ(at, step.step_time);
  }
}

// The memory curve of a device starts anywhere, never falls below zero and has the peak as its top.
TEST_P(EveryCase, TheMemoryCurveReachesThePeak) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const Timeline step = make_simulator(c.costs, {})->timeline(c.placement);
    std::vector<Bytes> top(c.cluster.size());
    SimTime last;
    for (const MemoryPoint& point : step.memory) {
      EXPECT_GE(point.time, last);
      EXPECT_GE(point.bytes, Bytes{});
      last = point.time;
      top[index(point.device)] = std::max(top[index(point.device)], point.bytes);
    }
    EXPECT_EQ(top, step.outcome.peak_memory);
    EXPECT_LE(last, step.step_time);
  }
}

TEST_P(EveryCase, OneDeviceTakesTheSumOfItsOps) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(seed);
    const Case c(seed, size_of(seed));
    const DeviceId device = id_at<DeviceId>(seed % c.cluster.size());
    SimTime sum;
    for (std::size_t n = 0; n < c.workload.graph.size(); ++n) {
      sum += c.costs.op_time(id_at<NodeId>(n), device);
    }
    const Timeline step = make_simulator(c.costs, {})->timeline(all_on(c.workload.graph, device));
    EXPECT_EQ(step.step_time, sum);
    EXPECT_TRUE(step.transfers.empty());
  }
}

// A batch over any number of threads = one by one, and what a workspace ran before leaves no trace.
TEST(Batch, GivesTheSameBitsForAnyThreads) {
  const Workload workload = random_workload(5, {.nodes = 80, .unsupported = 0.1});
  const Cluster cluster = random_cluster(6, {.devices = 4, .hand_offs = false});
  const CostModel costs(workload, cluster);
  std::vector<Placement> placements;
  for (std::uint64_t seed = 0; seed < 101; ++seed) {
    placements.push_back(seed % 5 == 0 ? scattered(seed, workload.graph, cluster)
                                       : random_placement(seed, workload, cluster, seed % 3 == 0));
  }
  std::vector<Bytes> tight(cluster.size(), Bytes{20 << 20});
  const auto alone = make_simulator(costs, {.threads = 1, .memory_limit = tight});
  std::size_t infeasible = 0;
  for (const int threads : {1, 2, 4, 7}) {
    const auto simulator = make_simulator(costs, {.threads = threads, .memory_limit = tight});
    for (int repeat = 0; repeat < 3; ++repeat) {
      std::vector<Outcome> results(placements.size());
      simulator->evaluate(placements, results);
      for (std::size_t i = 0; i < placements.size(); ++i) {
        const Outcome expected = alone->evaluate_one(placements[i]);
        EXPECT_EQ(results[i].step_time, expected.step_time);
        EXPECT_EQ(results[i].peak_memory, expected.peak_memory);
        EXPECT_EQ(results[i].busy, expected.busy);
        ASSERT_EQ(results[i].feasible(), expected.feasible());
        if (expected.feasible()) continue;
        ++infeasible;
        EXPECT_EQ(results[i].infeasible->text, expected.infeasible->text);
        EXPECT_EQ(results[i].infeasible->missing, expected.infeasible->missing);
      }
    }
  }
  EXPECT_GT(infeasible, 0U);
}

TEST(Batch, OfNothingAndOfOne) {
  const Workload workload = random_workload(5);
  const Cluster cluster = random_cluster(6);
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {.threads = 3});
  simulator->evaluate({}, {});
  EXPECT_GT(simulator->evaluate_one(all_on(workload.graph, DeviceId{0})).step_time, SimTime{});
}

// A placement of the wrong size in the middle of a batch is the caller's bug; the simulator goes
// on.
TEST(Batch, ReportsABadPlacementFromAnyThread) {
  const Workload workload = random_workload(5);
  const Cluster cluster = random_cluster(6);
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {.threads = 4});
  std::vector<Placement> placements(8, all_on(workload.graph, DeviceId{0}));
  placements[6].device.pop_back();
  std::vector<Outcome> results(8);
  EXPECT_THROW(simulator->evaluate(placements, results), LogicError);
  placements[6] = placements[0];
  simulator->evaluate(placements, results);
  EXPECT_EQ(results[6].step_time, results[0].step_time);
}

// Two identical devices: swapping their names changes nothing but the names.
TEST(Relabelling, IdenticalDevicesAreInterchangeable) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload = random_workload(seed, {.nodes = 50, .kinds = {"cpu-core"}});
    std::vector<Device> devices(2);
    for (std::size_t d = 0; d < 2; ++d) {
      devices[d].name = "d" + std::to_string(d);
      devices[d].kind = "cpu-core";
      devices[d].memory = {std::int64_t{1} << 40};
    }
    Link link{
        "link", {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}}, {777'777}, 3e9, false};
    const Cluster cluster("twins", devices, {link});
    const CostModel costs(workload, cluster);
    const auto simulator = make_simulator(costs, {});
    const Placement placement = random_placement(seed, workload, cluster);
    Placement swapped = placement;
    for (DeviceId& device : swapped.device) device = id_at<DeviceId>(1 - index(device));
    const Outcome a = simulator->evaluate_one(placement);
    const Outcome b = simulator->evaluate_one(swapped);
    EXPECT_EQ(a.step_time, b.step_time);
    EXPECT_EQ(a.peak_memory[0], b.peak_memory[1]);
    EXPECT_EQ(a.busy[1], b.busy[0]);
  }
}

}  // namespace
}  // namespace placer::sim
