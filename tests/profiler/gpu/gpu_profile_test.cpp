// Op times on GPUs (stand-ins).

#include <gmock/gmock.h>

#include "profiler/op_profiler.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/gpu/mixed_cluster.h"
#include "tests/profiler/gpu/stand_in_device.h"
#include "tests/profiler/gpu/stand_in_driver.h"

namespace placer::profile {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A large product, and three small ops of which two are the same.
Graph large_and_small() {
  placer::testing::ExecutableGraph made;
  const TensorRef x = made.state("x", {512, 512});
  const TensorRef y = made.state("y", {4});
  made.op("large", "aten.mm.default", {x, x},
          {{"self", InputArgument{0}}, {"mat2", InputArgument{1}}},
          placer::testing::float_tensor({512, 512}));
  const TensorRef a = made.unary("a", "aten.neg.default", y, {4});
  made.output(
      "z", made.unary("c", "aten.relu.default", made.unary("b", "aten.neg.default", a, {4}), {4}));
  return made.build();
}

TEST(GpuProfile, OpsAreTimedOnTheGpuOnceForAllThatAreEqual) {
  const Graph graph = large_and_small();
  const Cluster cluster = placer::testing::mixed_cluster({});
  const auto driver = placer::testing::stand_in_driver();
  ProfileOptions options;
  options.repeats = 3;
  const std::string kind = cluster.devices()[1].kind;
  const ProfileReport report = profile_ops_with(driver.get(), graph, cluster, kind, options);
  EXPECT_THAT(placer::testing::stand_in_faults(), IsEmpty());
  EXPECT_EQ(report.distinct, 3U);
  EXPECT_EQ(report.times.kind, kind);
  EXPECT_EQ(report.times.info.repeats, 3);
  EXPECT_EQ(report.times.info.machine, "Fake 100, CUDA 13.1");
  EXPECT_THAT(report.times.info.method, HasSubstr("launched ahead"));
  EXPECT_THAT(report.times.info.method, HasSubstr("TF32"));
  EXPECT_GT(report.launch_seconds, 0);
  const auto time = [&](const char* name) {
    return report.times.ops[index(*graph.find(name))].value().time;
  };
  EXPECT_GT(time("a"), SimTime{});
  EXPECT_EQ(time("a"), time("b"));
  EXPECT_GT(time("large"), time("a"));  // 10^8 multiplications
  EXPECT_FALSE(report.times.ops[index(*graph.find("z"))].has_value());
}

TEST(GpuProfile, AnOpThatFailsIsNamed) {
  placer::testing::ExecutableGraph made;
  const TensorRef x = made.state("x", {3});
  made.op("bad", "aten.mm.default", {x, x},
          {{"self", InputArgument{0}}, {"mat2", InputArgument{1}}},
          placer::testing::float_tensor({3}));
  const Graph graph = made.build();
  const Cluster cluster = placer::testing::mixed_cluster({});
  const auto driver = placer::testing::stand_in_driver();
  try {
    (void)profile_ops_with(driver.get(), graph, cluster, cluster.devices()[1].kind, {});
    ADD_FAILURE() << "it has times";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"bad\" (aten.mm) fails"));
  }
}

}  // namespace
}  // namespace placer::profile
