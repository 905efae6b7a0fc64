// What goes wrong on clusters of CPUs and (stand-in) GPUs is an outcome, and leaves nothing behind.

#include "tests/profiler/gpu/torch/gpu_executor_fixture.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::ExecutableGraph;
using placer::testing::kib_chain;
using placer::testing::mixed_cluster;
using placer::testing::op_that_throws;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(GpuExecutor, OutOfMemoryByAccountNamesDeviceNodeAndMissingBytes) {
  const Graph graph = kib_chain(10);
  const Cluster cluster = mixed_cluster({.cpus = 1, .gpus = {"cuda:0"}});
  ExecutorOptions options;
  options.memory_limit = {Bytes{1 << 20}, Bytes{2 * 1024 + 1000}};
  const auto steps = executor(graph, cluster, options);
  const StepReport report = run(*steps, all_on(graph, DeviceId{1}));
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(report.infeasible->device, DeviceId{1});
  EXPECT_EQ(report.infeasible->node, graph.find("op1"));  // as on a CPU
  EXPECT_EQ(report.infeasible->missing, Bytes{24});
  EXPECT_EQ(placer::testing::stand_in_live(0), Bytes{1024});  // x
  // With x on the host, op1's input and result fit.
  Placement placement = all_on(graph, DeviceId{1});
  placement.device[0] = DeviceId{0};
  EXPECT_FALSE(run(*steps, placement).infeasible);
}

TEST_F(GpuExecutor, CopiesTakeMemoryWhereTheyArrive) {
  const Graph graph = kib_chain(2);
  const Cluster cluster = mixed_cluster({.cpus = 1, .gpus = {"cuda:0"}});
  ExecutorOptions options;
  options.memory_limit = {Bytes{1 << 20}, Bytes{1000}};
  const auto steps = executor(graph, cluster, options);
  const DeviceId cpu{0};
  const DeviceId gpu{1};
  const StepReport report = run(*steps, {{cpu, cpu, gpu, gpu}, {}});
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->device, gpu);
  EXPECT_EQ(report.infeasible->missing, Bytes{24});
  EXPECT_THAT(report.infeasible->text, HasSubstr("cuda:0 is 24 B short at \"op0\""));
}

TEST_F(GpuExecutor, OutOfMemoryOfTheAllocatorIsAnOutcomeAndLeavesNothing) {
  const Graph graph = kib_chain(10);
  const Cluster cluster = mixed_cluster({.cpus = 1, .gpus = {"cuda:0"}});
  const auto steps = executor(graph, cluster);
  const Bytes before = placer::testing::stand_in_live(0);
  placer::testing::limit_stand_in(0, before + Bytes{2500});  // x, one result and half another
  const StepReport report = run(*steps, all_on(graph, DeviceId{1}));
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kOutOfMemory);
  EXPECT_EQ(report.infeasible->device, DeviceId{1});
  EXPECT_THAT(report.infeasible->text, HasSubstr("out of memory"));
  EXPECT_EQ(placer::testing::stand_in_live(0), before + Bytes{1024});  // x
  EXPECT_EQ(driver_->cache_releases, 1);
  EXPECT_FALSE(run(*steps, all_on(graph, DeviceId{0})).infeasible);
  placer::testing::limit_stand_in(0, before + Bytes{100});
  const StepReport sources = run(*steps, all_on(graph, DeviceId{1}));  // not even x
  ASSERT_TRUE(sources.infeasible);
  EXPECT_EQ(sources.infeasible->reason, InfeasibleReason::kOutOfMemory);
  placer::testing::limit_stand_in(0, Bytes{std::int64_t{1} << 60});
  EXPECT_FALSE(run(*steps, all_on(graph, DeviceId{1})).infeasible);
}

TEST_F(GpuExecutor, ThrowingOpBecomesAnOutcomeAndStateStays) {
  const Graph graph = op_that_throws();
  const Cluster cluster = mixed_cluster(many());
  const auto steps = executor(graph, cluster);
  Rng rng(1);
  for (int i = 0; i < 12; ++i) {
    Placement placement = anywhere(graph, cluster.size(), rng);
    placement.device[index(*graph.find("bad"))] = DeviceId{2 + static_cast<std::uint32_t>(i % 4)};
    const StepReport report = run(*steps, placement);
    ASSERT_TRUE(report.infeasible);
    EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kFailed);
    EXPECT_EQ(report.infeasible->node, graph.find("bad"));
    EXPECT_THAT(report.infeasible->text, HasSubstr("\"bad\" failed on cuda:"));
    EXPECT_THAT(floats(steps->state(*graph.find("n"))), ElementsAre(5));
  }
}

TEST_F(GpuExecutor, TimeLimitEndsTheStep) {
  const Graph graph = kib_chain(300);
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  Rng rng(5);
  for (const Placement& placement :
       {all_on(graph, DeviceId{1}), anywhere(graph, cluster.size(), rng)}) {
    steps->place(placement);
    const StepReport ended = steps->step(1e-6, false);
    ASSERT_TRUE(ended.infeasible);
    EXPECT_EQ(ended.infeasible->reason, InfeasibleReason::kTimeOut);
    EXPECT_FALSE(steps->step(0, false).infeasible);
  }
}

TEST_F(GpuExecutor, ALostGpuEndsThisStepAndAllLaterOnes) {
  const Graph graph = diamond();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  ASSERT_FALSE(run(*steps, all_on(graph, DeviceId{2})).infeasible);
  placer::testing::break_stand_in(1);
  driver_->gpus[1].lost = "an illegal memory access was encountered";
  for (const DeviceId device : {DeviceId{2}, DeviceId{2}, DeviceId{1}, DeviceId{0}}) {
    const StepReport report = run(*steps, all_on(graph, device));
    EXPECT_TRUE(report.infeasible);
    if (report.infeasible) {
      EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kCrashed);
      EXPECT_THAT(report.infeasible->text, HasSubstr("illegal memory access"));
      EXPECT_THAT(report.infeasible->text, HasSubstr("cuda:1"));
    }
  }
  placer::testing::mend_stand_in(1);
}

TEST_F(GpuExecutor, ViewsAwayFromTheirMemoryAreUnsupported) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {2, 2});
  const TensorRef view =
      made.op("view", "aten.t.default", {x}, {{"self", InputArgument{0}}}, alias_of(0, {2, 2}));
  made.output("y", made.unary("b", "aten.neg.default", view, {2, 2}));
  const Graph graph = made.build();
  const Cluster cluster = mixed_cluster({});
  const auto steps = executor(graph, cluster);
  const DeviceId cpu{0};
  const DeviceId gpu{1};
  const StepReport report = run(*steps, {{cpu, gpu, gpu, gpu}, {}});
  ASSERT_TRUE(report.infeasible);
  EXPECT_EQ(report.infeasible->reason, InfeasibleReason::kUnsupported);
  EXPECT_THAT(
      report.infeasible->text,
      HasSubstr("\"view\" (aten.t) shares the memory of \"x\", which is on another device"));
  EXPECT_FALSE(run(*steps, all_on(graph, gpu)).infeasible);
}

}  // namespace
}  // namespace placer::profile
