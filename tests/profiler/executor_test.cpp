#include "profiler/executor.h"

#include <cmath>
#include <cstring>
#include <map>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/base/random.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using placer::testing::core_cluster;
using placer::testing::diamond;
using placer::testing::dropouts;
using placer::testing::ExecutableGraph;
using placer::testing::float_tensor;
using placer::testing::kib_chain;
using placer::testing::op_that_throws;
using placer::testing::update_after_late_reader;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> floats(const Value& value) {
  std::vector<float> numbers(value.data.size() / sizeof(float));
  std::memcpy(numbers.data(), value.data.data(), value.data.size());
  return numbers;
}

Placement spread(const Graph& graph, std::size_t devices) {
  Placement placement = all_on(graph, DeviceId{0});
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device[i] = id_at<DeviceId>(i % devices);
  }
  return placement;
}

StepReport run(Executor& executor, const Placement& placement, bool record = false) {
  executor.place(placement);
  return executor.step(0, record);
}

TEST(Executor, DiamondGivesTheSameOnAnyNumberOfDevices) {
  const Graph graph = diamond();
  for (std::size_t devices = 1; devices <= 4; ++devices) {
    const Cluster cluster = core_cluster(devices);
    const auto executor = make_executor(graph, cluster, {});
    const StepReport report = run(*executor, spread(graph, devices));
    ASSERT_FALSE(report.infeasible);
    // x + x = [-2, 4]; relu [0, 4], neg [2, -4]; product [0, -16].
    EXPECT_THAT(floats(executor->output(*graph.find("y"))), ElementsAre(0, -16));
    EXPECT_GT(report.wall_seconds, 0);
    EXPECT_EQ(report.busy_seconds.size(), devices);
  }
}

TEST(Executor, RunsReadyOpsByPriorityThenIndex) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {1}, {1});
  for (const char* name : {"a", "b", "c", "d"}) {
    made.unary(name, "aten.neg.default", x, {1});
  }
  const Graph graph = made.build();
  const Cluster cluster = core_cluster(1);
  const auto order = [&](const StepReport& report) {
    std::string names;
    for (const OpRun& op : report.ops) {
      names += graph.node(op.node).name;
    }
    return names;
  };
  Placement placement = all_on(graph, DeviceId{0});
  EXPECT_EQ(order(run(*make_executor(graph, cluster, {}), placement, true)), "abcd");
  ExecutorOptions options;
  options.priority = {0, 1, 1, 2, 1};
  EXPECT_EQ(order(run(*make_executor(graph, cluster, options), placement, true)), "cabd");
  placement.priority = {0, 4, 3, 4, 5};  // the placement's own wins
  EXPECT_EQ(order(run(*make_executor(graph, cluster, options), placement, true)), "dacb");
}

TEST(Executor, NoOpStartsBeforeWhatItReads) {
  const Graph graph = diamond();
  const Cluster cluster = core_cluster(3);
  const auto executor = make_executor(graph, cluster, {});
  const StepReport report = run(*executor, spread(graph, 3), true);
  ASSERT_EQ(report.ops.size(), 4U);
  std::map<NodeId, OpRun> by_node;
  for (const OpRun& op : report.ops) {
    EXPECT_LE(op.start_seconds, op.end_seconds);
    EXPECT_LE(op.end_seconds, report.wall_seconds);
    by_node[op.node] = op;
  }
  for (const OpRun& op : report.ops) {
    for (const TensorRef input : graph.node(op.node).inputs) {
      if (by_node.contains(input.node)) {
        EXPECT_LE(by_node[input.node].end_seconds, op.start_seconds);
      }
    }
  }
  // Nodes 0..5 on devices 0 1 2 0 1 2: x(0) sum(1) left(2) right(0) product(1). Crossing: sum to 2
  // and 0, left and right to 1.
  EXPECT_EQ(report.hand_offs.size(), 4U);
  for (const HandOff& hand_off : report.hand_offs) {
    EXPECT_NE(hand_off.from, hand_off.to);
    EXPECT_LE(hand_off.start_seconds, hand_off.end_seconds);
  }
}

// w (state) -> double it in place -> output of the new value; a reader of the old value must come
// first.
TEST(Executor, InPlaceUpdateWaitsForEarlierReaders) {
  // Many ops lie before the one that reads w, so that an unordered update would come first.
  const Graph graph = update_after_late_reader(50);
  const Cluster cluster = core_cluster(2);
  Placement placement = spread(graph, 2);
  placement.device[index(*graph.find("update"))] = DeviceId{1};
  placement.device[index(*graph.find("reader"))] = DeviceId{0};
  const auto executor = make_executor(graph, cluster, {});
  ASSERT_FALSE(run(*executor, placement).infeasible);
  EXPECT_THAT(floats(executor->output(*graph.find("before"))), ElementsAre(1, 3));
  EXPECT_THAT(floats(executor->output(*graph.find("after"))), ElementsAre(-2, -6));
  ASSERT_FALSE(run(*executor, placement).infeasible);
  EXPECT_THAT(floats(executor->output(*graph.find("before"))), ElementsAre(2, 6));
  EXPECT_THAT(floats(executor->state(*graph.find("w"))), ElementsAre(4, 12));
}

Graph counter() {
  ExecutableGraph made;
  const TensorRef n = made.state("n", {1}, {5});
  const TensorRef next =
      made.op("next", "aten.add.Scalar", {n},
              {{"self", InputArgument{0}}, {"other", std::int64_t{1}}}, float_tensor({1}));
  made.output("written", next, OutputRole::kStateWrite, n.node);
  return made.build();
}

TEST(Executor, StateWritesHoldFromTheNextStepAndResetUndoesThem) {
  const Graph graph = counter();
  const Cluster cluster = core_cluster(2);
  const auto executor = make_executor(graph, cluster, {});
  const auto state = [&] { return floats(executor->state(*graph.find("n")))[0]; };
  EXPECT_EQ(state(), 5);
  (void)run(*executor, all_on(graph, DeviceId{0}));
  EXPECT_EQ(state(), 6);
  (void)run(*executor, all_on(graph, DeviceId{1}));  // a new placement keeps the state
  EXPECT_EQ(state(), 7);
  executor->reset();
  EXPECT_EQ(state(), 5);
}

TEST(Executor, TwoStatesCanSwap) {
  ExecutableGraph made;
  const TensorRef a = made.state("a", {1}, {1});
  const TensorRef b = made.state("b", {1}, {2});
  made.unary("work", "aten.neg.default", a, {1});
  made.output("to_a", b, OutputRole::kStateWrite, a.node);
  made.output("to_b", a, OutputRole::kStateWrite, b.node);
  const Graph graph = made.build();
  const Cluster cluster = core_cluster(1);
  const auto executor = make_executor(graph, cluster, {});
  (void)run(*executor, all_on(graph, DeviceId{0}));
  EXPECT_THAT(floats(executor->state(a.node)), ElementsAre(2));
  EXPECT_THAT(floats(executor->state(b.node)), ElementsAre(1));
}

TEST(Executor, PeakIsLiveBytesNotAllBytes) {
  // x stays, and at any time one op's input and result: 3 KiB of the 11.
  const Graph graph = kib_chain(10);
  const Cluster cluster = core_cluster(1);
  const auto executor = make_executor(graph, cluster, {});
  EXPECT_EQ(run(*executor, all_on(graph, DeviceId{0})).peak_memory[0], Bytes{3 * 1024});
}

TEST(Executor, OutOfMemoryNamesDeviceNodeAndMissingBytes) {
  const Graph graph = kib_chain(10);
  const Cluster cluster = core_cluster(2);
  ExecutorOptions options;
  options.memory_limit = {Bytes{2 * 1024 + 1000}, Bytes{1 << 20}};
  const auto executor = make_executor(graph, cluster, options);
  const StepReport report = run(*executor, all_on(graph, DeviceId{0}));
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(report.infeasible->device, DeviceId{0});
  EXPECT_EQ(report.infeasible->node, graph.find("op1"));  // x, op0's and op1's result: 3072 - 3048
  EXPECT_EQ(report.infeasible->missing, Bytes{24});
  EXPECT_THAT(report.infeasible->text, HasSubstr("cpu:0 is 24 B short at \"op1\""));
  // The other device has room, and the executor goes on.
  EXPECT_FALSE(run(*executor, all_on(graph, DeviceId{1})).infeasible);
}

TEST(Executor, SourcesThatDoNotFitAreOutOfMemoryToo) {
  const Graph graph = kib_chain(1);
  const Cluster cluster = core_cluster(1);
  ExecutorOptions options;
  options.memory_limit = {Bytes{1000}};
  const auto executor = make_executor(graph, cluster, options);
  const StepReport report = run(*executor, all_on(graph, DeviceId{0}));
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->missing, Bytes{24});
}

TEST(Executor, ThrowingOpBecomesAnOutcomeAndStateStays) {
  const Graph graph = op_that_throws();
  const Cluster cluster = core_cluster(2);
  const auto executor = make_executor(graph, cluster, {});
  for (int i = 0; i < 2; ++i) {  // the second step shows that the first left nothing behind
    const StepReport report = run(*executor, spread(graph, 2));
    ASSERT_TRUE(report.infeasible);
    EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kFailed);
    EXPECT_EQ(report.infeasible->node, graph.find("bad"));
    EXPECT_THAT(report.infeasible->text, HasSubstr("\"bad\" (aten.mm) failed on cpu:"));
    EXPECT_THAT(floats(executor->state(*graph.find("n"))), ElementsAre(5));
  }
}

TEST(Executor, ResultThatIsNotWhatTheGraphSaysIsAFailure) {
  ExecutableGraph made;
  made.unary("op", "aten.neg.default", made.state("x", {2}), {3});
  const Graph graph = made.build();
  const Cluster cluster = core_cluster(1);
  const StepReport report = run(*make_executor(graph, cluster, {}), all_on(graph, DeviceId{0}));
  ASSERT_TRUE(report.infeasible);
  EXPECT_THAT(report.infeasible->text,
              HasSubstr("its result 0 is float32 [2], the graph says float32 [3]"));
}

TEST(Executor, TimeLimitEndsTheStepAtAnOpBoundary) {
  const Graph graph = kib_chain(2000);
  const Cluster cluster = core_cluster(2);
  const auto executor = make_executor(graph, cluster, {});
  executor->place(spread(graph, 2));
  const StepReport ended = executor->step(1e-6, false);  // one op takes longer
  ASSERT_TRUE(ended.infeasible);
  EXPECT_EQ(ended.infeasible->reason, InfeasibleReason::kTimeOut);
  EXPECT_FALSE(executor->step(0, false).infeasible);
}

TEST(Executor, RandomOpsDependOnSeedNodeAndStepOnly) {
  const Graph graph = dropouts(12);
  const Cluster cluster = core_cluster(3);
  ExecutorOptions options;
  options.seed = 4;
  using Values = std::vector<std::vector<float>>;
  const auto steps = [&](const Placement& placement, const ExecutorOptions& with) {
    const auto executor = make_executor(graph, cluster, with);
    executor->place(placement);
    std::vector<Values> all;
    for (int s = 0; s < 2; ++s) {
      EXPECT_FALSE(executor->step(0, false).infeasible);
      Values values;
      for (int i = 0; i < 12; ++i) {
        values.push_back(floats(executor->output(*graph.find("y" + std::to_string(i)))));
      }
      all.push_back(values);
    }
    return all;
  };
  const auto reference = steps(all_on(graph, DeviceId{0}), options);
  EXPECT_NE(reference[0], reference[1]);        // steps differ
  EXPECT_NE(reference[0][0], reference[0][1]);  // nodes differ
  Rng rng(11);
  for (int trial = 0; trial < 5; ++trial) {
    Placement placement = all_on(graph, DeviceId{0});
    for (std::size_t i = 0; i < graph.size(); ++i) {
      placement.device[i] = id_at<DeviceId>(rng.below(3));
      placement.priority.push_back(static_cast<std::int64_t>(rng.below(100)));
    }
    EXPECT_EQ(steps(placement, options), reference);
  }
  options.seed = 5;
  EXPECT_NE(steps(all_on(graph, DeviceId{0}), options), reference);
}

TEST(Executor, AllCoresInOneOpIsADevice) {
  const Graph graph = diamond();
  Device device;
  device.name = "cpu";
  device.kind = "cpu-all";
  device.memory = {1 << 30};
  device.cores = placer::testing::usable_processors();
  const Cluster cluster("all", {device}, {});
  const auto executor = make_executor(graph, cluster, {});
  ASSERT_FALSE(run(*executor, all_on(graph, DeviceId{0})).infeasible);
  EXPECT_THAT(floats(executor->output(*graph.find("y"))), ElementsAre(0, -16));
}

TEST(Executor, DeviceThatIsNotThereIsADeviceError) {
  const Graph graph = diamond();
  Device device;
  device.kind = "cpu-core";
  device.memory = {1 << 30};
  for (const auto& [name, cores] : std::map<std::string, std::vector<int>>{
           {"cuda:0", {}}, {"cpu:1000", {1000}}, {"cpu:x", {0}}}) {
    device.name = name;
    device.cores = cores;
    const Cluster cluster("missing", {device}, {});
    try {
      (void)make_executor(graph, cluster, {});
      ADD_FAILURE() << name << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kDevice);
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
}

TEST(Executor, ManyRandomGraphsGiveTheSameEverywhere) {
  // Layers of additions and products over few values: many hand-offs, many values with several
  // readers.
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Rng rng(seed);
    ExecutableGraph made;
    std::vector<TensorRef> values;
    for (int i = 0; i < 4; ++i) {
      values.push_back(made.state("s" + std::to_string(i) + ".weight", {8, 8}));
    }
    for (int i = 0; i < 300; ++i) {
      const TensorRef a =
          values[values.size() - 1 - rng.below(std::min<std::size_t>(values.size(), 12))];
      const TensorRef b = values[rng.below(values.size())];
      values.push_back(made.binary("op" + std::to_string(i),
                                   rng.below(2) == 0 ? "aten.add.Tensor" : "aten.maximum.default",
                                   a, b, {8, 8}));
    }
    made.output("y", values.back());
    const Graph graph = made.build();
    const Cluster cluster = core_cluster(4);
    const auto executor = make_executor(graph, cluster, {});
    ASSERT_FALSE(run(*executor, all_on(graph, DeviceId{0})).infeasible);
    const std::string expected = executor->output(*graph.find("y")).data;
    for (int trial = 0; trial < 5; ++trial) {
      Placement placement = all_on(graph, DeviceId{0});
      for (auto& device : placement.device) {
        device = id_at<DeviceId>(rng.below(4));
      }
      ASSERT_FALSE(run(*executor, placement).infeasible);
      EXPECT_EQ(executor->output(*graph.find("y")).data, expected)
          << "seed " << seed << " trial " << trial;
    }
  }
}

}  // namespace
}  // namespace placer::profile
