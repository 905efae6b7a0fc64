// Steps worked out by hand. Times in microseconds unless a name says otherwise.

#include "simulator/simulator.h"

#include <gtest/gtest.h>

#include "tests/simulator/small_workload.h"

namespace placer::sim {
namespace {

using test::bytes;
using test::on;
using test::run;
using test::SmallCluster;
using test::SmallWorkload;
using test::start_of;
using test::us;

// a -> b, a -> c, b -> d, c -> d; 7.6 GB/s is 7,600 B per us.
SmallWorkload diamond() {
  SmallWorkload graph;
  const NodeId a = graph.op(100, {}, {7600});
  const NodeId b = graph.op(200, {a}, {15200});
  const NodeId c = graph.op(300, {a}, {38000});
  graph.op(50, {b, c}, {0});
  return graph;
}
const std::vector<std::int64_t> kByIndex = {3, 2, 1, 0};

SmallCluster diamond_cluster(std::size_t devices) {
  return {.devices = devices, .latency_us = 2};
}

// 100 + 200 + 300 + 50. While c runs, a, b and c are alive: 7,600 + 15,200 + 38,000.
TEST(Simulator, DiamondOnOneDevice) {
  const Timeline step = run(diamond(), diamond_cluster(2), on({0, 0, 0, 0}, kByIndex));
  EXPECT_EQ(step.outcome.step_time, us(650));
  EXPECT_EQ(start_of(step, 1), us(100));
  EXPECT_EQ(start_of(step, 2), us(300));
  EXPECT_EQ(start_of(step, 3), us(600));
  EXPECT_TRUE(step.transfers.empty());
  EXPECT_EQ(step.outcome.peak_memory, bytes({60800, 0}));
  EXPECT_EQ(step.outcome.busy[0], us(650));
  EXPECT_EQ(step.outcome.busy[1], us(0));
}

// a leaves at 100, takes 1 us and arrives 2 us later; c runs 103-403, its 5 us transfer ends at
// 408. Device 0: a is freed at 300 with b's end; b 15,200 and the copy of c 38,000 until 460.
TEST(Simulator, DiamondWithOneBranchAway) {
  const Timeline step = run(diamond(), diamond_cluster(2), on({0, 0, 1, 0}, kByIndex));
  EXPECT_EQ(step.outcome.step_time, us(460));
  EXPECT_EQ(start_of(step, 1), us(100));
  EXPECT_EQ(start_of(step, 2), us(103));
  EXPECT_EQ(start_of(step, 3), us(410));
  ASSERT_EQ(step.transfers.size(), 2U);
  EXPECT_EQ(step.transfers[0],
            (TransferRecord{{NodeId{0}, 0}, DeviceId{0}, DeviceId{1}, us(100), us(101), us(103)}));
  EXPECT_EQ(step.transfers[1],
            (TransferRecord{{NodeId{2}, 0}, DeviceId{1}, DeviceId{0}, us(403), us(408), us(410)}));
  EXPECT_EQ(step.outcome.peak_memory, bytes({53200, 45600}));
  EXPECT_EQ(step.link_bytes, bytes({7600, 38000}));
  EXPECT_EQ(step.outcome.busy[1], us(300));
}

// Both branches away: a crosses once; b goes back 303-305 while c runs 303-603.
TEST(Simulator, DiamondSendsATensorOncePerDevice) {
  const Timeline step = run(diamond(), diamond_cluster(2), on({0, 1, 1, 0}, kByIndex));
  EXPECT_EQ(step.outcome.step_time, us(660));
  EXPECT_EQ(start_of(step, 1), us(103));
  EXPECT_EQ(start_of(step, 2), us(303));
  EXPECT_EQ(start_of(step, 3), us(610));
  ASSERT_EQ(step.transfers.size(), 3U);
  EXPECT_EQ(step.transfers[1].start, us(303));
  EXPECT_EQ(step.transfers[1].released, us(305));
  EXPECT_EQ(step.transfers[2].start, us(603));
  EXPECT_EQ(step.transfers[2].released, us(608));
  EXPECT_EQ(step.outcome.peak_memory, bytes({53200, 60800}));
}

TEST(Simulator, DiamondFollowsPriorities) {
  const Timeline step = run(diamond(), diamond_cluster(2), on({0, 1, 1, 0}, {3, 1, 2, 0}));
  EXPECT_EQ(step.outcome.step_time, us(657));
  EXPECT_EQ(start_of(step, 1), us(403));
  EXPECT_EQ(start_of(step, 2), us(103));
  EXPECT_EQ(start_of(step, 3), us(607));
  EXPECT_EQ(step.transfers[1].start, us(403));
  EXPECT_EQ(step.transfers[2].start, us(603));
  EXPECT_EQ(step.outcome.peak_memory, bytes({53200, 60800}));
}

// The second transfer of a waits for the egress of device 0: 101-102.
TEST(Simulator, DiamondOnThreeDevicesSharesTheEgress) {
  const Timeline step = run(diamond(), diamond_cluster(3), on({0, 1, 2, 0}, kByIndex));
  EXPECT_EQ(step.outcome.step_time, us(461));
  EXPECT_EQ(start_of(step, 1), us(103));
  EXPECT_EQ(start_of(step, 2), us(104));
  EXPECT_EQ(start_of(step, 3), us(411));
  ASSERT_EQ(step.transfers.size(), 4U);
  EXPECT_EQ(step.transfers[1].start, us(101));
  EXPECT_EQ(step.transfers[1].released, us(102));
  EXPECT_EQ(step.transfers[2].start, us(303));
  EXPECT_EQ(step.transfers[3].start, us(404));
  EXPECT_EQ(step.outcome.peak_memory, bytes({53200, 22800, 45600}));
}

// 5 us for every op of the longest chain: four on one device; a, c, d when c is away.
TEST(Simulator, DiamondPaysTheOverheadOfEveryOp) {
  SmallCluster cluster = diamond_cluster(3);
  cluster.overhead_us = 5;
  EXPECT_EQ(run(diamond(), cluster, on({0, 0, 0, 0}, kByIndex)).outcome.step_time, us(670));
  EXPECT_EQ(run(diamond(), cluster, on({0, 0, 1, 0}, kByIndex)).outcome.step_time, us(475));
  EXPECT_EQ(run(diamond(), cluster, on({0, 1, 1, 0}, kByIndex)).outcome.step_time, us(680));
  EXPECT_EQ(run(diamond(), cluster, on({0, 1, 2, 0}, kByIndex)).outcome.step_time, us(476));
}

// x on 1 and y on 2 end at 100; both send 10 us to device 0: 100-110 and 110-120, then 2 us.
TEST(Simulator, TransfersToOneDeviceShareItsIngress) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  graph.op(10, {x, y}, {0});
  const Timeline step = run(graph, diamond_cluster(3), on({1, 2, 0}));
  EXPECT_EQ(step.transfers[0].released, us(110));
  EXPECT_EQ(step.transfers[1].start, us(110));
  EXPECT_EQ(start_of(step, 2), us(122));
  EXPECT_EQ(step.outcome.step_time, us(132));
}

// Two disjoint pairs: at the same time over links of their own, one after the other over a bus.
TEST(Simulator, ASharedLinkCarriesOneTransferAtATime) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  graph.op(10, {x}, {0});
  graph.op(10, {y}, {0});
  SmallCluster cluster = diamond_cluster(4);
  EXPECT_EQ(run(graph, cluster, on({0, 1, 2, 3})).outcome.step_time, us(122));
  cluster.shared = true;
  const Timeline step = run(graph, cluster, on({0, 1, 2, 3}));
  EXPECT_EQ(start_of(step, 2), us(112));
  EXPECT_EQ(start_of(step, 3), us(122));
  EXPECT_EQ(step.outcome.step_time, us(132));
  EXPECT_EQ(step.link_bytes, bytes({152000}));
}

// Three ops of 3 us on two devices, 1 MB at 1 GB/s and 2 us: 3 + 1002 + 3 + 1002 + 3.
TEST(Simulator, AChainPaysEveryHop) {
  SmallWorkload graph;
  const NodeId a = graph.op(3, {}, {1'000'000});
  const NodeId b = graph.op(3, {a}, {1'000'000});
  graph.op(3, {b}, {0});
  const SmallCluster cluster = {.latency_us = 2, .bytes_per_second = 1e9};
  EXPECT_EQ(run(graph, cluster, on({0, 0, 0})).outcome.step_time, us(9));
  EXPECT_EQ(run(graph, cluster, on({0, 1, 0})).outcome.step_time, us(2013));
}

// Fork to three, join: with a device each the middle takes 20 instead of 60.
TEST(Simulator, ForkJoinRunsBranchesAtOnce) {
  SmallWorkload graph;
  const NodeId fork = graph.op(10, {}, {0});
  const NodeId x = graph.op(20, {fork}, {0});
  const NodeId y = graph.op(20, {fork}, {0});
  const NodeId z = graph.op(20, {fork}, {0});
  graph.op(10, {x, y, z}, {0});
  const SmallCluster cluster = {.devices = 3, .latency_us = 1, .bytes_per_second = {}};
  EXPECT_EQ(run(graph, cluster, on({0, 0, 0, 0, 0})).outcome.step_time, us(80));
  EXPECT_EQ(run(graph, cluster, on({0, 0, 1, 2, 0})).outcome.step_time, us(42));
}

// A hand-off takes its latency, holds nothing and copies nothing: both arrive at 100 + 30, and the
// tensors stay where they were made until their readers end at 140 and 150.
TEST(Simulator, HandOffsHoldAndCopyNothing) {
  SmallWorkload graph;
  const NodeId a = graph.op(100, {}, {1 << 20, 1 << 10});
  graph.op(10, {a}, {0});
  graph.op(20, {a}, {5});
  const SmallCluster cluster = {.devices = 3, .latency_us = 30, .bytes_per_second = {}};
  const Timeline step = run(graph, cluster, on({0, 1, 2}));
  EXPECT_EQ(start_of(step, 1), us(130));
  EXPECT_EQ(start_of(step, 2), us(130));
  EXPECT_EQ(step.outcome.step_time, us(150));
  EXPECT_EQ(step.outcome.peak_memory, bytes({(1 << 20) + (1 << 10), 0, 5}));
  ASSERT_EQ(step.transfers.size(), 2U);
  EXPECT_EQ(step.transfers[0].released, us(100));
  EXPECT_EQ(step.transfers[0].arrival, us(130));
}

// Weights are there from the start where memory is shared; else they are sent at time 0 in order of
// index: 0-10 and 10-20, and live at the reader until it has ended.
TEST(Simulator, SourcesAreSentAtTimeZero) {
  SmallWorkload graph;
  const NodeId weight = graph.source(NodeKind::kState, 76000);
  const NodeId input = graph.source(NodeKind::kInput, 76000);
  graph.op(100, {weight}, {0});
  graph.op(50, {weight, input}, {0});
  SmallCluster cluster = {.latency_us = 2, .bytes_per_second = {}};
  Timeline step = run(graph, cluster, on({0, 0, 1, 1}, {0, 0, 0, 9}));
  EXPECT_EQ(start_of(step, 3), us(0));
  EXPECT_EQ(step.outcome.step_time, us(150));
  EXPECT_EQ(step.outcome.peak_memory, bytes({152000, 0}));
  EXPECT_TRUE(step.transfers.empty());

  cluster.bytes_per_second = 7.6e9;
  step = run(graph, cluster, on({0, 0, 1, 1}, {0, 0, 0, 9}));
  EXPECT_EQ(start_of(step, 2), us(12));  // ready first: op 3 waits for the input until 22
  EXPECT_EQ(start_of(step, 3), us(112));
  EXPECT_EQ(step.outcome.step_time, us(162));
  EXPECT_EQ(step.outcome.peak_memory, bytes({152000, 152000}));
  ASSERT_EQ(step.transfers.size(), 2U);
  EXPECT_EQ(step.transfers[1].start, us(10));
}

// A chain of zero-time ops ends in the timestamp in which it starts. What it makes ready competes
// in the same instant: w (priority 9) wins over x, which was ready first.
TEST(Simulator, ZeroTimeOpsTakeNoTurn) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {0});
  const NodeId v = graph.op(0, {a}, {0});
  const NodeId w = graph.op(0, {v}, {0});
  graph.op(5, {w}, {0});  // 3, on device 0
  graph.op(7, {a}, {0});  // 4, on device 0
  const SmallCluster cluster = {.latency_us = 0, .bytes_per_second = {}};
  const Timeline step = run(graph, cluster, on({0, 0, 0, 0, 0}, {9, 9, 9, 9, 1}));
  EXPECT_EQ(start_of(step, 3), us(10));
  EXPECT_EQ(start_of(step, 4), us(15));
  EXPECT_EQ(step.outcome.step_time, us(22));
}

TEST(Simulator, AGraphOfZeroTimeOpsTakesNoTimeAndNoMemory) {
  SmallWorkload graph;
  const NodeId a = graph.op(0, {}, {100});
  graph.op(0, {a}, {100});
  const Timeline step = run(graph, {}, on({0, 0}));
  EXPECT_EQ(step.outcome.step_time, us(0));
  EXPECT_EQ(step.outcome.peak_memory, bytes({0, 0}));
}

// x arrives from device 1 at 20 just when p ends on device 0: it competes with q, which has been
// waiting, and its higher priority wins.
TEST(Simulator, AllEventsOfATimeComeBeforeTheNextChoice) {
  SmallWorkload graph;
  const NodeId p = graph.op(20, {}, {0});
  graph.op(5, {p}, {0});                   // q
  const NodeId r = graph.op(18, {}, {0});  // on device 1
  graph.op(7, {r}, {0});                   // x
  const SmallCluster cluster = {.latency_us = 2, .bytes_per_second = {}};
  const Timeline step = run(graph, cluster, on({0, 0, 1, 0}, {0, 1, 0, 2}));
  EXPECT_EQ(start_of(step, 3), us(20));
  EXPECT_EQ(start_of(step, 1), us(27));
}

// Three cores of one memory pool. x and y start together: one of two peers works, so that each
// takes half of its extra 4 us: 12. z starts at 12 when both others are idle: 10. Without a common
// pool nothing slows down.
TEST(Simulator, WorkingPeersSlowAnOpDown) {
  SmallWorkload graph;
  const NodeId x = graph.op(10, {}, {0}, {.busy_micros = 14});
  const NodeId y = graph.op(10, {}, {0}, {.busy_micros = 14});
  graph.op(10, {x, y}, {0}, {.busy_micros = 14});
  SmallCluster cluster = {
      .devices = 3, .bytes_per_second = {}, .pools = {{"host", {std::int64_t{1} << 40}}}};
  const Timeline step = run(graph, cluster, on({0, 1, 2}));
  EXPECT_EQ(start_of(step, 2), us(12));
  EXPECT_EQ(step.outcome.step_time, us(22));
  EXPECT_EQ(step.outcome.busy[0], us(12));
  cluster.devices = 2;  // one peer, and it works: all of the extra
  EXPECT_EQ(run(graph, cluster, on({0, 1, 1})).outcome.step_time, us(24));
  cluster.pools.clear();
  EXPECT_EQ(run(graph, cluster, on({0, 1, 1})).outcome.step_time, us(20));
}

// What counts is who works when the op starts: y starts at 5 beside x, x started alone.
TEST(Simulator, SlowDownIsDecidedAtTheStart) {
  SmallWorkload graph;
  graph.op(20, {}, {0}, {.busy_micros = 30});  // x
  const NodeId before = graph.op(0, {}, {0});
  graph.op(10, {before}, {0}, {.busy_micros = 15});  // y
  const SmallCluster cluster = {
      .latency_us = 5, .bytes_per_second = {}, .pools = {{"host", {std::int64_t{1} << 40}}}};
  const Timeline step = run(graph, cluster, on({0, 0, 1}, {1, 2, 0}));
  EXPECT_EQ(start_of(step, 0), us(0));
  EXPECT_EQ(start_of(step, 2), us(5));
  EXPECT_EQ(step.outcome.busy[0], us(20));
  EXPECT_EQ(step.outcome.busy[1], us(15));
}

TEST(Simulator, EqualPrioritiesGoByIndex) {
  SmallWorkload graph;
  for (int i = 0; i < 4; ++i) graph.op(10, {}, {0});
  const Timeline step = run(graph, {}, on({0, 0, 0, 0}, {5, 5, 7, 5}));
  EXPECT_EQ(start_of(step, 2), us(0));
  EXPECT_EQ(start_of(step, 0), us(10));
  EXPECT_EQ(start_of(step, 1), us(20));
  EXPECT_EQ(start_of(step, 3), us(30));
}

// Upward ranks: the head of the long chain (10 + 30) goes before the short op (20) of lower index.
TEST(Simulator, TheDefaultPriorityIsTheUpwardRank) {
  SmallWorkload graph;
  graph.op(20, {}, {0});
  const NodeId head = graph.op(10, {}, {0});
  graph.op(30, {head}, {0});
  const Timeline step = run(graph, {}, on({0, 0, 0}));
  EXPECT_EQ(start_of(step, 1), us(0));
}

// A control edge pays the latency between devices, holds no link and sends no bytes; on one device
// it costs nothing.
TEST(Simulator, ControlEdgesPayTheLatency) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {76000});
  graph.op(10, {}, {0}, {.after = {a}});
  graph.op(10, {a}, {0});
  const Timeline step = run(graph, {.devices = 3, .latency_us = 2}, on({0, 1, 1}));
  EXPECT_EQ(start_of(step, 1), us(12));
  EXPECT_EQ(start_of(step, 2), us(22));
  EXPECT_EQ(step.transfers.size(), 1U);
  EXPECT_EQ(start_of(run(graph, {.latency_us = 2}, on({0, 0, 1})), 1), us(10));
}

TEST(Simulator, AnUnsupportedOpIsInfeasible) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {8});
  graph.op(10, {a}, {8});
  Workload workload = graph.build();
  KindTimes other = *workload.times.find("device");
  other.kind = "other";
  other.ops[1].reset();
  workload.times.set(std::move(other));
  std::vector<Device> devices(2);
  devices[0].name = "d0";
  devices[0].kind = "device";
  devices[1].name = "d1";
  devices[1].kind = "other";
  for (Device& device : devices) device.memory = {1 << 20};
  Link link;
  link.pairs = {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}};
  const Cluster cluster("mixed", devices, {link});
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {});
  EXPECT_TRUE(simulator->evaluate_one(on({1, 0})).feasible());
  const Outcome outcome = simulator->evaluate_one(on({0, 1}));
  ASSERT_FALSE(outcome.feasible());
  EXPECT_EQ(outcome.infeasible->reason, InfeasibleReason::kUnsupported);
  EXPECT_EQ(outcome.infeasible->node, NodeId{1});
  EXPECT_EQ(outcome.infeasible->device, DeviceId{1});
  EXPECT_NE(outcome.infeasible->text.find("n1"), std::string::npos);
  EXPECT_TRUE(simulator->timeline(on({0, 1})).ops.empty());
}

// z waits for y's transfer, which waited for x's on the same ingress; x and y both start at 0.
// Back from the end: z 122-132, y's way 110-122, its wait for the link 100-110, y 0-100.
TEST(Simulator, TheCriticalPathTilesTheStep) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  const NodeId z = graph.op(10, {x, y}, {0});
  const Timeline step = run(graph, diamond_cluster(3), on({1, 2, 0}));
  using Kind = PathSegment::Kind;
  const std::vector<PathSegment> expected = {{Kind::kOp, y, DeviceId{2}, us(0), us(100)},
                                             {Kind::kLinkWait, y, DeviceId{0}, us(100), us(110)},
                                             {Kind::kTransfer, y, DeviceId{0}, us(110), us(122)},
                                             {Kind::kOp, z, DeviceId{0}, us(122), us(132)}};
  EXPECT_EQ(step.path, expected);
  EXPECT_EQ(step.critical_path, (std::vector<NodeId>{y, z}));
}

TEST(Simulator, TheCriticalPathShowsWaitsForADevice) {
  SmallWorkload graph;
  graph.op(30, {}, {0});
  graph.op(10, {}, {0});
  const Timeline step = run(graph, {}, on({0, 0}, {1, 0}));
  using Kind = PathSegment::Kind;
  const std::vector<PathSegment> expected = {
      {Kind::kDeviceWait, NodeId{1}, DeviceId{0}, us(0), us(30)},
      {Kind::kOp, NodeId{1}, DeviceId{0}, us(30), us(40)}};
  EXPECT_EQ(step.path, expected);
}

}  // namespace
}  // namespace placer::sim
