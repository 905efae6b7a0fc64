// The executor on clusters of CPUs and (stand-in) GPUs.

#include <map>

#include "tests/profiler/gpu/torch/gpu_executor_fixture.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::Crossings;
using placer::testing::diamond;
using placer::testing::dropouts;
using placer::testing::ExecutableGraph;
using placer::testing::float_tensor;
using placer::testing::mixed_cluster;
using placer::testing::update_after_late_reader;
using ::testing::ElementsAre;

TEST_F(GpuExecutor, EveryPlacementOfADiamondGivesTheSame) {
  const Graph graph = diamond();
  const Cluster cluster = mixed_cluster({});  // cpu:0 cuda:0 cuda:1
  const auto steps = executor(graph, cluster);
  for (int code = 0; code < 243; ++code) {  // x sum left right product; y with product
    Placement placement = all_on(graph, DeviceId{0});
    int rest = code;
    for (std::size_t i = 0; i < 5; ++i, rest /= 3) {
      placement.device[i] = id_at<DeviceId>(static_cast<std::size_t>(rest % 3));
    }
    placement.device[5] = placement.device[4];
    const StepReport report = run(*steps, placement);
    ASSERT_FALSE(report.infeasible) << report.infeasible->text;
    ASSERT_THAT(floats(steps->output(*graph.find("y"))), ElementsAre(0, -16)) << code;
  }
}

TEST_F(GpuExecutor, ManyRandomGraphsGiveTheSameEverywhere) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Rng rng(seed);
    ExecutableGraph made;
    std::vector<TensorRef> values;
    std::vector<TensorRef> states;
    for (int i = 0; i < 4; ++i) {
      states.push_back(made.state("s" + std::to_string(i) + ".weight", {8, 8}));
    }
    values = states;
    for (int i = 0; i < 120; ++i) {
      const TensorRef a =
          values[values.size() - 1 - rng.below(std::min<std::size_t>(values.size(), 12))];
      const TensorRef b = values[rng.below(values.size())];
      const std::string name = "op" + std::to_string(i);
      if (rng.below(6) == 0) {
        values.push_back(made.op(name, "aten.t.default", {a}, {{"self", InputArgument{0}}},
                                 alias_of(0, {8, 8})));
      } else {
        values.push_back(made.binary(
            name, rng.below(2) == 0 ? "aten.sub.Tensor" : "aten.maximum.default", a, b, {8, 8}));
      }
    }
    for (const TensorRef state : states) {
      made.output("new" + std::to_string(index(state.node)),
                  values[values.size() - 1 - rng.below(9)], OutputRole::kStateWrite, state.node);
    }
    made.output("y", values.back());
    const Graph graph = made.build();
    const Cluster cluster = mixed_cluster(many());
    const auto steps = executor(graph, cluster);
    const auto two_steps = [&](const Placement& placement) {
      steps->reset();
      std::string bits;
      for (int i = 0; i < 2; ++i) {
        const StepReport report = run(*steps, placement);
        EXPECT_FALSE(report.infeasible) << report.infeasible->text;
        bits += steps->output(*graph.find("y")).data;
      }
      for (const TensorRef state : states) {
        bits += steps->state(state.node).data;
      }
      return bits;
    };
    const std::string expected = two_steps(all_on(graph, DeviceId{0}));
    EXPECT_EQ(two_steps(all_on(graph, DeviceId{2})), expected);
    for (int trial = 0; trial < 5; ++trial) {
      EXPECT_EQ(two_steps(anywhere(graph, cluster.size(), rng)), expected)
          << "seed " << seed << " trial " << trial;
    }
  }
}

// x (cpu:0) -> a (cuda:0), which three ops read on cuda:1, two on each core, one on cuda:0.
TEST_F(GpuExecutor, ATensorCrossesOnceToEveryMemory) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {4});
  const TensorRef a = made.unary("a", "aten.neg.default", x, {4});
  std::vector<DeviceId> devices = {DeviceId{0}, DeviceId{2}};
  for (const std::uint32_t device : {3, 0, 3, 1, 2, 0, 3, 1}) {
    made.unary("reader" + std::to_string(devices.size()), "aten.neg.default", a, {4});
    devices.push_back(DeviceId{device});
  }
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({.cpus = 2});
  const auto steps = executor(graph, cluster);
  ASSERT_FALSE(run(*steps, {devices, {}}).infeasible);
  (void)placer::testing::stand_in_crossings();
  ASSERT_FALSE(steps->step(0, false).infeasible);
  const Crossings crossings = placer::testing::stand_in_crossings();
  EXPECT_EQ(crossings.to_gpu, 1);   // x
  EXPECT_EQ(crossings.between, 1);  // a to cuda:1
  EXPECT_EQ(crossings.to_host, 1);  // a to both cores
  EXPECT_EQ(crossings.within, 0);
}

// Two halves of a GPU have memories of their own, too.
TEST_F(GpuExecutor, HalvesOfAGpuCopyWithinIt) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {4});
  made.output(
      "y", made.unary("b", "aten.neg.default", made.unary("a", "aten.neg.default", x, {4}), {4}));
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({.cpus = 1, .gpus = {"cuda:0.0", "cuda:0.1"}});
  const auto steps = executor(graph, cluster);
  const StepReport report = run(*steps, {{DeviceId{1}, DeviceId{1}, DeviceId{2}, DeviceId{2}}, {}});
  ASSERT_FALSE(report.infeasible);
  EXPECT_EQ(placer::testing::stand_in_crossings().within, 1);
  // x and a; a's copy and b.
  EXPECT_THAT(report.peak_memory, ElementsAre(Bytes{0}, Bytes{32}, Bytes{32}));
}

// w -> doubled in place, after a reader of its old value that comes late and is elsewhere.
TEST_F(GpuExecutor, InPlaceUpdateWaitsForReadersOnOtherDevices) {
  const Graph graph = update_after_late_reader(10);
  const NodeId w = *graph.find("w");
  const Cluster cluster = mixed_cluster({});
  for (const DeviceId home : {DeviceId{0}, DeviceId{1}, DeviceId{2}}) {
    for (const DeviceId away : {DeviceId{0}, DeviceId{1}, DeviceId{2}}) {
      Placement placement = all_on(graph, away);
      placement.device[index(w)] = placement.device[index(*graph.find("update"))] = home;
      const auto steps = executor(graph, cluster);
      ASSERT_FALSE(run(*steps, placement).infeasible);
      ASSERT_FALSE(run(*steps, placement).infeasible);
      EXPECT_THAT(floats(steps->output(*graph.find("before"))), ElementsAre(2, 6));
      EXPECT_THAT(floats(steps->output(*graph.find("after"))), ElementsAre(-4, -12));
      EXPECT_THAT(floats(steps->state(w)), ElementsAre(4, 12));
    }
  }
}

TEST_F(GpuExecutor, StateMovesWithItsPlacementAndTakesValuesFromElsewhere) {
  ExecutableGraph made;
  const TensorRef n = made.state("n", {1}, {5});
  const TensorRef next =
      made.op("next", "aten.add.Scalar", {n},
              {{"self", InputArgument{0}}, {"other", std::int64_t{1}}}, float_tensor({1}));
  made.output("written", next, OutputRole::kStateWrite, n.node);
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  float expected = 5;
  for (const DeviceId home : {DeviceId{0}, DeviceId{1}, DeviceId{2}, DeviceId{1}, DeviceId{0}}) {
    for (const DeviceId away : {DeviceId{0}, DeviceId{1}, DeviceId{2}}) {
      ASSERT_FALSE(run(*steps, {{home, away, home}, {}}).infeasible);
      EXPECT_THAT(floats(steps->state(n.node)), ElementsAre(++expected));
    }
  }
  steps->reset();
  EXPECT_THAT(floats(steps->state(n.node)), ElementsAre(5));
}

TEST_F(GpuExecutor, StatesOfSeveralDevicesCanSwap) {
  ExecutableGraph made;
  const TensorRef a = made.state("a", {1}, {1});
  const TensorRef b = made.state("b", {1}, {2});
  made.unary("work", "aten.neg.default", a, {1});
  made.output("to_a", b, OutputRole::kStateWrite, a.node);
  made.output("to_b", a, OutputRole::kStateWrite, b.node);
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({});
  const DeviceId one{1};
  const DeviceId two{2};
  const auto steps = executor(graph, cluster);
  for (const Placement& placement :
       {Placement{{one, two, one, one, two}, {}}, Placement{{DeviceId{0}, two, one, one, two}, {}},
        Placement{{one, one, one, one, one}, {}}}) {
    steps->reset();
    ASSERT_FALSE(run(*steps, placement).infeasible);
    EXPECT_THAT(floats(steps->state(a.node)), ElementsAre(2));
    EXPECT_THAT(floats(steps->state(b.node)), ElementsAre(1));
  }
}

TEST_F(GpuExecutor, ViewsOfAnyFormCross) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {3, 1}, {1, 2, 3});
  const TensorRef negative = made.unary("negative", "aten.neg.default", x, {3, 1});
  const TensorRef wide = made.op(
      "wide", "aten.expand.default", {negative},
      {{"self", InputArgument{0}}, {"size", std::vector<std::int64_t>{3, 4}}}, alias_of(0, {3, 4}));
  const TensorRef part = made.op("part", "aten.slice.Tensor", {wide},
                                 {{"self", InputArgument{0}},
                                  {"dim", std::int64_t{0}},
                                  {"start", std::int64_t{0}},
                                  {"end", std::int64_t{3}},
                                  {"step", std::int64_t{2}}},
                                 alias_of(0, {2, 4}));
  made.output("y", made.unary("elsewhere", "aten.neg.default", part, {2, 4}));
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  for (const DeviceId here : {DeviceId{0}, DeviceId{1}, DeviceId{2}}) {
    for (const DeviceId there : {DeviceId{0}, DeviceId{1}, DeviceId{2}}) {
      ASSERT_FALSE(run(*steps, {{here, here, here, here, there, there}, {}}).infeasible);
      EXPECT_THAT(floats(steps->output(*graph.find("y"))), ElementsAre(1, 1, 1, 1, 3, 3, 3, 3));
    }
  }
}

// Ops that name a device make their results where they are placed, those that name none, too.
TEST_F(GpuExecutor, FactoriesWorkWhereTheyArePlaced) {
  ExecutableGraph made;
  const TensorRef ones = made.op("ones", "aten.full.default", {},
                                 {{"size", std::vector<std::int64_t>{3}},
                                  {"fill_value", 1.0},
                                  {"device", DeviceArgument{"cpu"}}},
                                 float_tensor({3}));
  const TensorRef steps_of_two = made.op("range", "aten.arange.start_step", {},
                                         {{"start", std::int64_t{0}},
                                          {"end", std::int64_t{6}},
                                          {"step", std::int64_t{2}},
                                          {"dtype", DType::kFloat32}},
                                         float_tensor({3}));
  const TensorRef sum = made.binary("sum", "aten.add.Tensor", ones, steps_of_two, {3});
  made.output("y", made.op("same", "aten._to_copy.default", {sum},
                           {{"self", InputArgument{0}}, {"device", DeviceArgument{"cpu"}}},
                           float_tensor({3})));
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  for (const DeviceId device : {DeviceId{2}, DeviceId{0}, DeviceId{1}}) {
    const StepReport report = run(*steps, all_on(graph, device));
    ASSERT_FALSE(report.infeasible) << report.infeasible->text;
    EXPECT_THAT(floats(steps->output(*graph.find("y"))), ElementsAre(1, 3, 5));
  }
  const Crossings crossings = placer::testing::stand_in_crossings();
  EXPECT_EQ(crossings.to_gpu, 0);
}

TEST_F(GpuExecutor, RandomOpsDependOnSeedNodeAndStepOnly) {
  const Graph graph = dropouts(6);
  const Cluster cluster = mixed_cluster(many());
  const auto steps = executor(graph, cluster);
  const auto values = [&](const Placement& placement) {
    steps->reset();
    std::string bits;
    for (int s = 0; s < 2; ++s) {
      EXPECT_FALSE(run(*steps, placement).infeasible);
      for (int i = 0; i < 6; ++i) {
        bits += steps->output(*graph.find("y" + std::to_string(i))).data;
      }
    }
    return bits;
  };
  const std::string expected = values(all_on(graph, DeviceId{0}));
  Rng rng(3);
  for (int trial = 0; trial < 5; ++trial) {
    EXPECT_EQ(values(anywhere(graph, cluster.size(), rng)), expected);
  }
}

TEST_F(GpuExecutor, OrderOfAGpuFollowsWhatOpsWaitForWhateverTheirPriorities) {
  const Graph graph = diamond();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  Placement placement = all_on(graph, DeviceId{1});
  placement.priority = {0, 1, 2, 3, 4, 5};  // the last op first
  const StepReport report = run(*steps, placement, true);
  ASSERT_FALSE(report.infeasible);
  std::string order;
  for (const OpRun& op : report.ops) {
    order += graph.node(op.node).name + " ";
  }
  EXPECT_EQ(order, "sum right left product ");
}

TEST_F(GpuExecutor, RecordsWhenOpsRanAndCopiesWereThere) {
  const Graph graph = diamond();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  // sum on cuda:0, left on cuda:1, right on the host, product on cuda:1.
  const StepReport report = run(
      *steps, {{DeviceId{0}, DeviceId{1}, DeviceId{2}, DeviceId{0}, DeviceId{2}, DeviceId{2}}, {}},
      true);
  ASSERT_FALSE(report.infeasible);
  ASSERT_EQ(report.ops.size(), 4U);
  std::map<std::string, OpRun> ops;
  for (const OpRun& op : report.ops) {
    EXPECT_LE(0, op.start_seconds);
    EXPECT_LE(op.start_seconds, op.end_seconds);
    EXPECT_LE(op.end_seconds, report.wall_seconds);
    ops[graph.node(op.node).name] = op;
  }
  EXPECT_LE(ops["sum"].end_seconds, ops["left"].start_seconds);
  EXPECT_LE(ops["sum"].end_seconds, ops["right"].start_seconds);
  EXPECT_LE(ops["right"].end_seconds, ops["product"].start_seconds);
  ASSERT_EQ(report.hand_offs.size(), 3U);
  for (const HandOff& hand_off : report.hand_offs) {
    EXPECT_NE(hand_off.from, hand_off.to);
    EXPECT_LE(hand_off.start_seconds, hand_off.end_seconds);
  }
  EXPECT_GT(report.busy_seconds[1], 0);
  EXPECT_LE(report.busy_seconds[1], report.wall_seconds);
}

}  // namespace
}  // namespace placer::profile
