// The executor on clusters of CPUs and (stand-in) GPUs.

#include <cstring>

#include <gmock/gmock.h>

#include "placer/base/random.h"
#include "profiler/torch/step_executor.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/gpu/stand_in_driver.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::core_cluster;
using placer::testing::Crossings;
using placer::testing::ExecutableGraph;
using placer::testing::float_tensor;
using placer::testing::mixed_cluster;
using placer::testing::MixedCluster;
using placer::testing::StandInDriver;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<float> floats(const Value& value) {
  std::vector<float> numbers(value.data.size() / sizeof(float));
  std::memcpy(numbers.data(), value.data.data(), value.data.size());
  return numbers;
}

class GpuExecutor : public ::testing::Test {
 protected:
  void SetUp() override {
    placer::testing::stand_in_pause(std::chrono::microseconds(200));
    (void)placer::testing::stand_in_crossings();
  }
  void TearDown() override {
    EXPECT_THAT(placer::testing::stand_in_faults(), IsEmpty());
    placer::testing::stand_in_pause(std::chrono::microseconds(0));
  }

  std::unique_ptr<Executor> executor(const Graph& graph, const Cluster& cluster,
                                     const ExecutorOptions& options = {}) {
    return std::make_unique<StepExecutor>(graph, cluster, options, &driver_);
  }
  static StepReport run(Executor& executor, const Placement& placement, bool record = false) {
    executor.place(placement);
    return executor.step(0, record);
  }

  StandInDriver driver_;
};

// y = relu(x + x) * -(x + x) with x = [-1, 2]: sum, left, right, product.
Graph diamond() {
  ExecutableGraph graph;
  const TensorRef x = graph.state("x", {2}, {-1, 2});
  const TensorRef sum = graph.binary("sum", "aten.add.Tensor", x, x, {2});
  const TensorRef left = graph.unary("left", "aten.relu.default", sum, {2});
  const TensorRef right = graph.unary("right", "aten.neg.default", sum, {2});
  graph.output("y", graph.binary("product", "aten.mul.Tensor", left, right, {2}));
  return graph.build();
}

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

}  // namespace
}  // namespace placer::profile
