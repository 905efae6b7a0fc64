// Whole steps as one launch, on stand-in GPUs.

#include <set>

#include "tests/profiler/gpu/torch/gpu_executor_fixture.h"
#include "tests/profiler/whole_steps.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::diamond;
using placer::testing::dropouts;
using placer::testing::ExecutableGraph;
using placer::testing::float_tensor;
using placer::testing::kib_chain;
using placer::testing::mixed_cluster;
using placer::testing::update_after_late_reader;
using ::testing::HasSubstr;

const DeviceId kCpu{0};
const DeviceId kGpu{1};
const DeviceId kOtherGpu{2};

class Captures : public GpuExecutor {
 protected:
  // What each of so many steps on one GPU leaves, captured after the first one or never.
  std::vector<placer::testing::Left> bits(const Graph& graph, int count, bool captured) {
    const Cluster cluster = mixed_cluster({});
    const auto steps = executor(graph, cluster);
    steps->place(all_on(graph, kGpu));
    std::vector<placer::testing::Left> all;
    for (int i = 0; i < count; ++i) {
      const StepReport report = steps->step(0, false);
      EXPECT_FALSE(report.infeasible) << report.infeasible->text;
      all.push_back(placer::testing::what_is_left(graph, *steps));
      if (captured && i == 0) {
        EXPECT_EQ(steps->capture(), "");
      }
    }
    return all;
  }
  std::string why_not(const Graph& graph, const Placement& placement) {
    const Cluster cluster = mixed_cluster({});
    const auto steps = executor(graph, cluster);
    EXPECT_FALSE(run(*steps, placement).infeasible);
    const std::string reason = steps->capture();
    EXPECT_FALSE(steps->step(0, false).infeasible);  // as before
    return reason;
  }
};

TEST_F(Captures, GivesWhatOpsGive) {
  const Graph graph = diamond();
  EXPECT_EQ(bits(graph, 4, true), bits(graph, 4, false));
}

// An update in place, and outputs of the values of before and after it.
TEST_F(Captures, KeepsStatesThatAreUpdatedInPlace) {
  const Graph graph = update_after_late_reader(5);
  EXPECT_EQ(bits(graph, 4, true), bits(graph, 4, false));
}

// a and b change places in every step, c counts, and a view shows c's value of before.
TEST_F(Captures, WritesStatesThatDependOnEachOther) {
  ExecutableGraph made;
  const TensorRef a = made.state("a", {2}, {1, 2});
  const TensorRef b = made.state("b", {2}, {3, 4});
  const TensorRef c = made.state("c", {2, 1}, {5, 6});
  const TensorRef shown =
      made.op("shown", "aten.t.default", {c}, {{"self", InputArgument{0}}}, alias_of(0, {1, 2}));
  const TensorRef next =
      made.op("next", "aten.add.Scalar", {c},
              {{"self", InputArgument{0}}, {"other", std::int64_t{1}}}, float_tensor({2, 1}));
  const TensorRef sum = made.binary("sum", "aten.sub.Tensor", a, b, {2});
  made.output("before", shown);
  made.output("difference", sum);
  made.output("to_a", b, OutputRole::kStateWrite, a.node);
  made.output("to_b", a, OutputRole::kStateWrite, b.node);
  made.output("to_c", next, OutputRole::kStateWrite, c.node);
  const Graph graph = made.build();
  EXPECT_EQ(bits(graph, 5, true), bits(graph, 5, false));
}

TEST_F(Captures, IsOneLaunchUntilSomethingElseIsAskedFor) {
  const Graph graph = kib_chain(20);
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  const auto launches = [&] {
    const std::uint64_t before = placer::testing::stand_in_launches();
    const StepReport report = steps->step(0, false);
    EXPECT_FALSE(report.infeasible);
    EXPECT_GT(report.wall_seconds, 0);
    EXPECT_GT(report.busy_seconds[1], 0);
    EXPECT_GT(report.launch_seconds[1], 0);
    EXPECT_EQ(report.launch_seconds[0], 0);
    EXPECT_EQ(report.peak_memory[1], Bytes{3 * 1024});  // x, an op's input and its result
    return placer::testing::stand_in_launches() - before;
  };
  steps->place(all_on(graph, kGpu));
  EXPECT_EQ(launches(), 20);
  ASSERT_EQ(steps->capture(), "");
  EXPECT_EQ(launches(), 0);
  EXPECT_EQ(launches(), 0);
  steps->place(all_on(graph, kOtherGpu));
  steps->place(all_on(graph, kGpu));
  EXPECT_EQ(launches(), 20);
  ASSERT_EQ(steps->capture(), "");
  steps->reset();
  EXPECT_EQ(launches(), 20);
  ASSERT_EQ(steps->capture(), "");
  EXPECT_EQ(steps->step(0, true).ops.size(), 20U);  // recorded op by op
  EXPECT_EQ(launches(), 20);
}

TEST_F(Captures, SaysWhyItCannotBe) {
  const Graph graph = diamond();
  Placement placement = all_on(graph, kGpu);
  EXPECT_EQ(why_not(graph, placement), "");
  EXPECT_THAT(why_not(graph, all_on(graph, kCpu)), HasSubstr("\"sum\" runs on cpu:0, which is no"));
  placement.device[index(*graph.find("left"))] = kOtherGpu;
  EXPECT_EQ(why_not(graph, placement), "its ops run on cuda:0 and cuda:1");
  placement = all_on(graph, kGpu);
  placement.device[index(*graph.find("x"))] = kCpu;
  EXPECT_EQ(why_not(graph, placement), "\"x\" is copied from cpu:0 to cuda:0 in every step");
}

// Numbers that differ from op to op and from step to step, and depend on the seed alone.
TEST_F(Captures, RandomOpsDrawAnewInEveryStep) {
  const Graph graph = dropouts(4);
  const Cluster cluster = mixed_cluster({});
  const auto drawn = [&](std::uint64_t seed) {
    ExecutorOptions options;
    options.seed = seed;
    return placer::testing::captured_draws(graph, 4, *executor(graph, cluster, options),
                                           all_on(graph, kGpu));
  };
  const std::vector<std::string> first = drawn(1);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), 12U);
  EXPECT_EQ(drawn(1), first);
  EXPECT_NE(drawn(2), first);
}

// An op whose result's size depends on values makes the host wait.
TEST_F(Captures, AnOpThatWaitsSpoilsTheCaptureAndNothingElse) {
  const Graph graph = dropouts(2, true);
  EXPECT_THAT(why_not(graph, all_on(graph, kGpu)),
              AllOf(HasSubstr("\"where\" failed on cuda:0"), HasSubstr("capturing")));
}

// Written on the host, beside ops of the GPU.
TEST_F(Captures, StatesOfOtherDevicesAreNotWritten) {
  ExecutableGraph made;
  const TensorRef a = made.state("a", {1}, {1});
  const TensorRef b = made.state("b", {1}, {2});
  const TensorRef c = made.state("c", {1}, {3});
  made.unary("work", "aten.neg.default", c, {1});
  made.output("to_a", b, OutputRole::kStateWrite, a.node);
  made.output("to_b", a, OutputRole::kStateWrite, b.node);
  const Graph graph = made.build();
  Placement placement = all_on(graph, kCpu);
  placement.device[index(c.node)] = placement.device[index(*graph.find("work"))] = kGpu;
  EXPECT_EQ(why_not(graph, placement), "\"a\" is written on cpu:0");
}

TEST_F(Captures, ADriverThatRefusesIsTheReason) {
  driver_->cannot_capture = "cuda:0: not today";
  EXPECT_THAT(why_not(diamond(), all_on(diamond(), kGpu)), HasSubstr("not today"));
}

TEST_F(Captures, TooLongIsATimeOutAndTheNextStepsRun) {
  const Graph graph = kib_chain(20);
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  ASSERT_FALSE(run(*steps, all_on(graph, kGpu)).infeasible);
  ASSERT_EQ(steps->capture(), "");
  const StepReport late = steps->step(1e-9, false);
  ASSERT_TRUE(late.infeasible);
  EXPECT_EQ(late.infeasible->reason, InfeasibleReason::kTimeOut);
  EXPECT_FALSE(steps->step(0, false).infeasible);
}

TEST_F(Captures, ALostGpuIsACrash) {
  const Graph graph = diamond();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  ASSERT_FALSE(run(*steps, all_on(graph, kOtherGpu)).infeasible);
  ASSERT_EQ(steps->capture(), "");
  placer::testing::break_stand_in(1);
  driver_->gpus[1].lost = "an illegal memory access was encountered";
  const StepReport report = steps->step(0, false);
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kCrashed);
  placer::testing::mend_stand_in(1);
}

// The captured memory is given back with the executor.
TEST_F(Captures, LeavesNoMemory) {
  const Bytes before = placer::testing::stand_in_live(0);
  const Graph graph = update_after_late_reader(3);
  (void)bits(graph, 3, true);
  EXPECT_EQ(placer::testing::stand_in_live(0), before);
}

}  // namespace
}  // namespace placer::profile
