// The executor on this machine's first GPU, where it has one.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <ATen/Context.h>
#include <gmock/gmock.h>

#include "profiler/gpu/plugin.h"
#include "profiler/torch/step_executor.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/gpu/mixed_cluster.h"
#include "tests/profiler/whole_steps.h"

namespace placer::profile {
namespace {

// Largest difference of two tensors, relative to their largest number.
double difference(const Value& a, const Value& b) {
  std::vector<float> left(a.data.size() / sizeof(float));
  std::vector<float> right(left.size());
  std::memcpy(left.data(), a.data.data(), a.data.size());
  std::memcpy(right.data(), b.data.data(), b.data.size());
  double largest = 0;
  double apart = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    largest = std::max({largest, std::abs(double{left[i]}), std::abs(double{right[i]})});
    apart = std::max(apart, std::abs(double{left[i]} - double{right[i]}));
  }
  return largest > 0 ? apart / largest : 0;
}

// Deterministic where LibTorch can be.
template <typename Base>
class OnRealGpu : public Base {
 protected:
  void SetUp() override {
    if (gpu_driver().count() == 0) {
      GTEST_SKIP() << gpu_driver().problem();
    }
    at::Context& context = at::globalContext();
    context.setDeterministicAlgorithms(true, /*warn_only=*/true);
    context.setDeterministicCuDNN(true);
    context.setBenchmarkCuDNN(false);
    context.setAllowTF32CuDNN(false);
  }

  static Cluster cluster(const std::vector<std::string>& gpus) {
    return placer::testing::mixed_cluster(
        {.cpus = 1, .gpus = gpus, .model = gpu_driver().facts(0).name});
  }
  static Value loss(const Graph& graph, const Executor& executor) {
    for (std::size_t i = 0; i < graph.size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kLoss) {
        return executor.output(id_at<NodeId>(i));
      }
    }
    ADD_FAILURE() << "a graph without loss";
    return {};
  }
};
using RealGpu = OnRealGpu<::testing::TestWithParam<std::string>>;
using RealGpuCapture = OnRealGpu<::testing::Test>;

// Kernels round differently, so the loss of the first step is compared to 1e-4.
TEST_P(RealGpu, WithACoreGivesTheCoresLoss) {
  const Graph graph = placer::testing::load_graph(GetParam());
  const Cluster both = cluster({"cuda:0"});
  const auto executor = make_executor(graph, both, {});
  (void)placer::testing::step_once(graph, *executor, all_on(graph, DeviceId{0}));
  const Value expected = loss(graph, *executor);
  Rng rng(3);
  for (const Placement& placement :
       {all_on(graph, DeviceId{1}), placer::testing::in_runs(graph, 2, rng),
        placer::testing::in_runs(graph, 2, rng), placer::testing::in_runs(graph, 2, rng)}) {
    (void)placer::testing::step_once(graph, *executor, placement);
    EXPECT_LT(difference(loss(graph, *executor), expected), 1e-4);
  }
}

// With deterministic kernels, whichever parts they run on.
TEST_P(RealGpu, PartsGiveTheBitsOfOnePart) {
  const Graph graph = placer::testing::load_graph(GetParam());
  const Cluster parts = cluster({"cuda:0.0", "cuda:0.1", "cuda:0.2", "cuda:0.3"});
  const auto executor = make_executor(graph, parts, {});
  const auto expected = placer::testing::step_once(graph, *executor, all_on(graph, DeviceId{1}));
  Rng rng(5);
  for (int trial = 0; trial < 5; ++trial) {
    Placement placement = placer::testing::in_runs(graph, 4, rng);
    for (DeviceId& device : placement.device) {
      device = id_at<DeviceId>(index(device) + 1);
    }
    const auto left = placer::testing::step_once(graph, *executor, placement);
    placer::testing::expect_same(left, expected, "in trial " + std::to_string(trial));
  }
}

// On the whole GPU, and on a part of one.
TEST_P(RealGpu, CapturedStepsGiveTheBitsOfOps) {
  const Graph graph = placer::testing::load_graph(GetParam());
  for (const std::string gpu : {"cuda:0", "cuda:0.0"}) {
    const Cluster one = cluster(gpu == "cuda:0" ? std::vector<std::string>{gpu}
                                                : std::vector<std::string>{gpu, "cuda:0.1"});
    const auto executor = make_executor(graph, one, {});
    const Placement on_gpu = all_on(graph, DeviceId{1});
    const auto expected = placer::testing::three_steps(graph, *executor, on_gpu, false);
    const auto left = placer::testing::three_steps(graph, *executor, on_gpu, true);
    placer::testing::expect_same(left, expected, "on " + gpu);
  }
}

TEST_F(RealGpuCapture, RandomOpsDrawAnewInEveryStep) {
  const Graph graph = placer::testing::dropouts(4);
  const Cluster one = cluster({"cuda:0"});
  const auto drawn = [&](std::uint64_t seed) {
    ExecutorOptions options;
    options.seed = seed;
    return placer::testing::captured_draws(graph, 4, *make_executor(graph, one, options),
                                           all_on(graph, DeviceId{1}));
  };
  const std::vector<std::string> first = drawn(1);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()).size(), 12U);
  EXPECT_EQ(drawn(1), first);
  EXPECT_NE(drawn(2), first);
}

TEST_F(RealGpuCapture, AFailedOneLeavesNothingBehind) {
  const Cluster one = cluster({"cuda:0"});
  const Graph waits = placer::testing::dropouts(2, true);
  const auto executor = make_executor(waits, one, {});
  const auto before = placer::testing::step_once(waits, *executor, all_on(waits, DeviceId{1}));
  EXPECT_THAT(executor->capture(), ::testing::HasSubstr("\"where\" failed on cuda:0"));
  EXPECT_EQ(placer::testing::step_once(waits, *executor, all_on(waits, DeviceId{1})), before);
  const Graph after = placer::testing::dropouts(2);
  EXPECT_EQ(placer::testing::captured_draws(after, 2, *make_executor(after, one, {}),
                                            all_on(after, DeviceId{1}))
                .size(),
            6U);
}

INSTANTIATE_TEST_SUITE_P(Golden, RealGpu,
                         ::testing::ValuesIn(placer::testing::graph_files(PLACER_SOURCE_ROOT
                                                                          "/tests/golden/graphs")),
                         placer::testing::short_name);

}  // namespace
}  // namespace placer::profile
