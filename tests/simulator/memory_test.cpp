// Peak memory worked out by hand: what lives when, and which limit it breaks.

#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/simulator/small_workload.h"

namespace placer::sim {
namespace {

using test::bytes;
using test::make_cluster;
using test::on;
using test::run;
using test::SmallCluster;
using test::SmallWorkload;
using test::us;

// Views take no memory and keep their base: base 1,000 until op 3 ends at 40, though its own last
// reader ended at 20. Without the view op 2's 500 and op 3's 70 would be the peak.
TEST(SimulatorMemory, ViewsKeepTheirBaseAlive) {
  SmallWorkload graph;
  const NodeId base = graph.op(10, {}, {1000});
  const NodeId view = graph.op(10, {base}, {400}, {.view_of = 0});
  const NodeId mid = graph.op(10, {base}, {500});
  graph.op(10, {view, mid}, {70});
  const Timeline step = run(graph, {}, on({0, 0, 0, 0}, {3, 2, 1, 0}));
  EXPECT_EQ(step.outcome.peak_memory, bytes({1000 + 500 + 70, 0}));
}

// A view that crosses a copying link moves its own 400 bytes, and the base is free when they left.
TEST(SimulatorMemory, ATransferredViewMovesItsOwnBytes) {
  SmallWorkload graph;
  const NodeId base = graph.op(10, {}, {76000});
  const NodeId view = graph.op(10, {base}, {7600}, {.view_of = 0});
  graph.op(10, {view}, {0});
  const Timeline step = run(graph, {.latency_us = 2}, on({0, 0, 1}));
  EXPECT_EQ(step.link_bytes[0], Bytes{7600});
  EXPECT_EQ(step.outcome.step_time, us(33));
  EXPECT_EQ(step.outcome.peak_memory, bytes({76000, 7600}));
}

// In place: the result takes over the buffer, so that the peak is 1,000 and not 2,000.
TEST(SimulatorMemory, InPlaceResultsTakeOverTheBuffer) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {1000});
  const NodeId b = graph.op(10, {a}, {1000}, {.view_of = 0});
  graph.op(10, {b}, {0});
  EXPECT_EQ(run(graph, {}, on({0, 0, 0})).outcome.peak_memory, bytes({1000, 0}));
}

// What an output keeps lives to the end; op 1's 300 end with op 2, at whose start they are all
// alive: 100 + 300 + 20 and the workspace of 7.
TEST(SimulatorMemory, KeptTensorsLiveToTheEndAndWorkspaceWithItsOp) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {100});
  const NodeId b = graph.op(10, {a}, {300});
  const NodeId c = graph.op(10, {b}, {20}, {.workspace = 7});
  graph.op(10, {c}, {400});
  graph.keep(a);
  const Timeline step = run(graph, {}, on({0, 0, 0, 0, 0}));
  EXPECT_EQ(step.outcome.peak_memory, bytes({100 + 20 + 400, 0}));
  EXPECT_EQ(step.outcome.step_time, us(40));
}

// At 20, op 1 has ended and frees a's 500 before op 2 takes 400.
TEST(SimulatorMemory, FreesComeBeforeAllocations) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {500});
  graph.op(10, {a}, {0});
  graph.op(10, {}, {400});
  const Timeline step = run(graph, {}, on({0, 0, 0}, {9, 8, 1}));
  EXPECT_EQ(step.outcome.peak_memory, bytes({500, 0}));
}

TEST(SimulatorMemory, OutOfMemoryNamesDeviceBytesAndTensors) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {3000});
  const NodeId b = graph.op(10, {a}, {2000}, {.workspace = 500});
  graph.op(10, {b, a}, {0});
  const SmallCluster cluster = {.memory = 4096};
  const Timeline step = run(graph, cluster, on({1, 1, 1}));
  ASSERT_TRUE(step.outcome.infeasible.has_value());
  const Infeasible& why = *step.outcome.infeasible;
  EXPECT_EQ(why.reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(why.device, DeviceId{1});
  EXPECT_EQ(why.node, NodeId{1});
  EXPECT_EQ(why.missing, Bytes{5500 - 4096});
  EXPECT_NE(why.text.find("d1 is 1.37 KiB short"), std::string::npos) << why.text;
  const auto first = why.text.find("\"n0\" 2.93 KiB");
  const auto second = why.text.find("\"n1\" 1.95 KiB");
  const auto third = why.text.find("\"n1\" workspace 500 B");
  EXPECT_TRUE(first < second && second < third && third != std::string::npos) << why.text;
  EXPECT_EQ(step.step_time, us(30));
  EXPECT_EQ(step.ops.size(), 3U);
}

// What an op holds from step to step is there from the start, and counts where it does not fit.
TEST(SimulatorMemory, ResidentBytesLiveForTheWholeStep) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {1000});
  graph.op(10, {a}, {0}, {.resident = 3500});
  const SmallCluster cluster = {.memory = 4096};
  const Timeline together = run(graph, cluster, on({0, 0}));
  ASSERT_TRUE(together.outcome.infeasible.has_value());
  EXPECT_EQ(together.outcome.infeasible->missing, Bytes{404});
  EXPECT_NE(together.outcome.infeasible->text.find("\"n1\" resident 3.42 KiB"), std::string::npos)
      << together.outcome.infeasible->text;
  EXPECT_EQ(run(graph, cluster, on({0, 1})).outcome.peak_memory, bytes({1000, 3500 + 1000}));
}

// Each device has room for its 3,000; the pool that both draw from has not.
TEST(SimulatorMemory, APoolIsCountedOnce) {
  SmallWorkload graph;
  graph.op(10, {}, {3000});
  graph.op(10, {}, {3000});
  const SmallCluster cluster = {.memory = 4096, .pools = {{"host", {5000}}}};
  const Timeline apart = run(graph, cluster, on({0, 1}));
  ASSERT_TRUE(apart.outcome.infeasible.has_value());
  EXPECT_EQ(apart.outcome.infeasible->missing, Bytes{1000});
  EXPECT_NE(apart.outcome.infeasible->text.find("memory pool host"), std::string::npos);
  EXPECT_EQ(apart.pool_peak, bytes({6000}));
  EXPECT_TRUE(run(graph, cluster, on({0, 0})).outcome.feasible());  // one after the other
}

TEST(SimulatorMemory, LimitsReplaceTheDevicesMemory) {
  SmallWorkload graph;
  graph.op(10, {}, {3000});
  const Workload workload = graph.build();
  const Cluster cluster = make_cluster({});
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {.memory_limit = bytes({2999, 3000})});
  EXPECT_FALSE(simulator->evaluate_one(on({0})).feasible());
  EXPECT_TRUE(simulator->evaluate_one(on({1})).feasible());
}

}  // namespace
}  // namespace placer::sim
