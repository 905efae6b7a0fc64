// Single switches, worked out by hand. Times in microseconds.

#include "simulator/model.h"

#include <gtest/gtest.h>

#include "tests/simulator/small_workload.h"

namespace placer::sim {
namespace {

using test::on;
using test::run;
using test::SmallCluster;
using test::SmallWorkload;
using test::start_of;
using test::us;

// 7,600 B per us.
SmallCluster wires(std::size_t devices) {
  return {.devices = devices, .latency_us = 2};
}

Model with(Contention contention) {
  Model model;
  model.contention = contention;
  return model;
}

// x on 0 and y on 1 (100 us, 10 us to move each) feed z on 2: one after the other into z's ingress,
// or at the same time where only senders are held.
TEST(ModelContention, TwoSendersAndOneReceiver) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  graph.op(10, {x, y}, {0});
  const Placement placement = on({0, 1, 2});
  EXPECT_EQ(run(graph, wires(3), placement).step_time, us(132));
  EXPECT_EQ(run(graph, wires(3), placement, with(Contention::kSender)).step_time, us(122));
  EXPECT_EQ(run(graph, wires(3), placement, with(Contention::kChannel)).step_time, us(132));
  EXPECT_EQ(run(graph, wires(3), placement, with(Contention::kNone)).step_time, us(122));
}

// x goes to devices 1 and 2: 100-110 and 110-120 through one egress.
TEST(ModelContention, OneSenderAndTwoReceivers) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  graph.op(10, {x}, {0});
  graph.op(10, {x}, {0});
  const Placement placement = on({0, 1, 2});
  EXPECT_EQ(run(graph, wires(3), placement).step_time, us(132));
  EXPECT_EQ(run(graph, wires(3), placement, with(Contention::kSender)).step_time, us(132));
  EXPECT_EQ(run(graph, wires(3), placement, with(Contention::kNone)).step_time, us(122));
}

// Devices 0 and 1 exchange 10 us each at 100. Both ends: egress and ingress are apart, so both go
// at once. One channel per device: 0's goes out 100-110 and comes in 100-110, y's is sent when 1's
// channel is free, 110-120.
TEST(ModelContention, AChannelCarriesBothDirections) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  graph.op(10, {x}, {0});
  graph.op(10, {y}, {0});
  const Placement placement = on({0, 1, 1, 0});
  EXPECT_EQ(run(graph, wires(2), placement).step_time, us(122));
  EXPECT_EQ(run(graph, wires(2), placement, with(Contention::kChannel)).step_time, us(132));
}

// Over a bus two copies between disjoint pairs queue, unless buses are switched off.
TEST(ModelBuses, CanBeSwitchedOff) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  const NodeId y = graph.op(100, {}, {76000});
  graph.op(10, {x}, {0});
  graph.op(10, {y}, {0});
  SmallCluster cluster = wires(4);
  cluster.shared = true;
  Model model;
  model.shared_buses = false;
  EXPECT_EQ(run(graph, cluster, on({0, 1, 2, 3})).step_time, us(132));
  EXPECT_EQ(run(graph, cluster, on({0, 1, 2, 3}), model).step_time, us(122));
}

// Three readers, two on device 1 and one on 2, 10 us a copy from 100 on. Per device: 110, 120. Per
// reader: 110, 120, 130. Once: all at 110.
TEST(ModelSending, OncePerDevicePerReaderOrAtAll) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  graph.op(1, {x}, {0});
  graph.op(1, {x}, {0});
  graph.op(1, {x}, {0});
  const Placement placement = on({0, 1, 1, 2});
  Model model;
  const Timeline per_device = run(graph, wires(3), placement, model);
  EXPECT_EQ(start_of(per_device, 2), us(113));
  EXPECT_EQ(start_of(per_device, 3), us(122));
  model.sending = Sending::kPerReader;
  const Timeline per_reader = run(graph, wires(3), placement, model);
  EXPECT_EQ(start_of(per_reader, 1), us(112));
  EXPECT_EQ(start_of(per_reader, 2), us(122));
  EXPECT_EQ(start_of(per_reader, 3), us(132));
  model.sending = Sending::kOnce;
  const Timeline once = run(graph, wires(3), placement, model);
  EXPECT_EQ(start_of(once, 1), us(112));
  EXPECT_EQ(start_of(once, 3), us(112));
}

// x sends 10 us to device 1, which runs y 0-105, and device 0 has z (50) to run. With overlap z
// runs from 100 and the reader starts at 112. Without, the copy waits for y and holds both devices
// 105-115: the reader starts at 117, z at 115.
TEST(ModelOverlap, CopiesCanHoldBothDevices) {
  SmallWorkload graph;
  const NodeId x = graph.op(100, {}, {76000});
  graph.op(105, {}, {0});
  graph.op(10, {x}, {0});
  graph.op(50, {x}, {0});
  const Placement placement = on({0, 1, 1, 0});
  const Timeline streams = run(graph, wires(2), placement);
  EXPECT_EQ(start_of(streams, 3), us(100));
  EXPECT_EQ(start_of(streams, 2), us(112));
  Model model;
  model.overlap = false;
  const Timeline blocking = run(graph, wires(2), placement, model);
  EXPECT_EQ(start_of(blocking, 3), us(115));
  EXPECT_EQ(start_of(blocking, 2), us(117));
}

// Four ops of 3 us in a row, 5 us of host each. Serial: 4 x 8. Launched ahead: launches end at 5,
// 10, 15, 20, so that the host is what takes the time: 20 + 3. Ops of 10 us hide all launches but
// the first: 5 + 40.
TEST(ModelLaunch, SerialAsynchronousOrNone) {
  for (const auto& [micros, serial, ahead] : {std::tuple(3, 32, 23), std::tuple(10, 60, 45)}) {
    SmallWorkload graph;
    NodeId last = graph.op(micros, {}, {0});
    for (int i = 0; i < 3; ++i) last = graph.op(micros, {last}, {0});
    SmallCluster cluster = wires(1);
    cluster.overhead_us = 5;
    const Placement placement = on({0, 0, 0, 0});
    EXPECT_EQ(run(graph, cluster, placement).step_time, us(serial));
    Model model;
    model.launch = Launch::kAsynchronous;
    EXPECT_EQ(run(graph, cluster, placement, model).step_time, us(ahead));
    model.launch = Launch::kNone;
    EXPECT_EQ(run(graph, cluster, placement, model).step_time, us(std::int64_t{4} * micros));
    cluster.asynchronous_launch = true;
    EXPECT_EQ(run(graph, cluster, placement).step_time, us(ahead));
    model.launch = Launch::kSerial;
    EXPECT_EQ(run(graph, cluster, placement, model).step_time, us(serial));
  }
}

// Device 0 has one op, device 1 two, which its thread launches one after the other.
TEST(ModelLaunch, AHostBoundStepShowsItsLaunches) {
  SmallWorkload graph;
  graph.op(3, {}, {0});
  graph.op(3, {}, {0});
  graph.op(3, {}, {0});
  SmallCluster cluster = wires(2);
  cluster.overhead_us = 5;
  cluster.asynchronous_launch = true;
  const Timeline step = run(graph, cluster, on({0, 1, 1}));
  EXPECT_EQ(start_of(step, 0), us(5));
  EXPECT_EQ(start_of(step, 1), us(5));
  EXPECT_EQ(start_of(step, 2), us(10));
  using Kind = PathSegment::Kind;
  const std::vector<PathSegment> expected = {{Kind::kLaunch, NodeId{2}, DeviceId{1}, us(0), us(10)},
                                             {Kind::kOp, NodeId{2}, DeviceId{1}, us(10), us(13)}};
  EXPECT_EQ(step.path, expected);
}

// late (priority 9) is ready at 20, early (priority 0) at 10, while the device is busy until 30.
TEST(ModelOrder, FirstReadyFirst) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {0});
  const NodeId b = graph.op(10, {a}, {0});
  graph.op(30, {}, {0});  // 2, on device 1
  graph.op(5, {a}, {0});  // 3: early, on device 1
  graph.op(5, {b}, {0});  // 4: late, on device 1
  const SmallCluster cluster = {.latency_us = 0, .bytes_per_second = {}};
  const Placement placement = on({0, 0, 1, 1, 1}, {5, 5, 5, 0, 9});
  EXPECT_EQ(start_of(run(graph, cluster, placement), 4), us(30));
  Model model;
  model.order = Order::kReadyTime;
  const Timeline fifo = run(graph, cluster, placement, model);
  EXPECT_EQ(start_of(fifo, 3), us(30));
  EXPECT_EQ(start_of(fifo, 4), us(35));
}

// Device 1 waits for the op of its order that is not ready, though another is.
TEST(ModelOrder, AFixedOrderIsKeptEvenIfADeviceIdles) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {7600});
  graph.op(5, {a}, {0});  // 1, on device 1
  graph.op(5, {}, {0});   // 2, on device 1
  const Placement placement = on({0, 1, 1}, {9, 8, 7});
  EXPECT_EQ(start_of(run(graph, wires(2), placement), 2), us(0));
  Model model;
  model.order = Order::kFixed;
  const Timeline fixed = run(graph, wires(2), placement, model);
  EXPECT_EQ(start_of(fixed, 1), us(13));
  EXPECT_EQ(start_of(fixed, 2), us(18));
}

// Priorities that are no topological order: the op comes after what it waits for.
TEST(ModelOrder, AFixedOrderFollowsDependencies) {
  SmallWorkload graph;
  const NodeId a = graph.op(10, {}, {0});
  graph.op(10, {a}, {0});
  graph.op(10, {}, {0});
  Model model;
  model.order = Order::kFixed;
  const Timeline step = run(graph, wires(1), on({0, 0, 0}, {0, 9, 5}), model);
  EXPECT_EQ(start_of(step, 2), us(0));
  EXPECT_EQ(start_of(step, 0), us(10));
  EXPECT_EQ(start_of(step, 1), us(20));
}

TEST(ModelSlowDown, CanBeSwitchedOff) {
  SmallWorkload graph;
  graph.op(10, {}, {0}, {.busy_micros = 14});
  graph.op(10, {}, {0}, {.busy_micros = 14});
  const SmallCluster cluster = {.bytes_per_second = {}, .pools = {{"host", {1 << 20}}}};
  EXPECT_EQ(run(graph, cluster, on({0, 1})).step_time, us(14));
  Model model;
  model.slow_down = false;
  EXPECT_EQ(run(graph, cluster, on({0, 1}), model).step_time, us(10));
}

TEST(ModelMemory, CanBeSwitchedOff) {
  SmallWorkload graph;
  graph.op(10, {}, {5000});
  const SmallCluster cluster = {.memory = 4096};
  EXPECT_FALSE(run(graph, cluster, on({0})).outcome.feasible());
  Model model;
  model.memory = false;
  const Timeline step = run(graph, cluster, on({0}), model);
  EXPECT_TRUE(step.outcome.feasible());
  EXPECT_EQ(step.outcome.peak_memory, test::bytes({0, 0}));
}

TEST(Model, NamesWhatDiffersFromTheDefault) {
  EXPECT_EQ(describe({}), "default");
  for (const char* name : {"default", "ideal", "placeto", "baechi"}) {
    EXPECT_EQ(describe(*model_named(name)), name);
  }
  EXPECT_FALSE(model_named("unknown").has_value());
  Model model;
  model.order = Order::kFixed;
  model.memory = false;
  EXPECT_EQ(describe(model), "order fixed, no memory");
}

}  // namespace
}  // namespace placer::sim
