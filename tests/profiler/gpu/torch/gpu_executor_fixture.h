#pragma once

// What tests of the executor on (stand-in) GPUs share.

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "placer/base/random.h"
#include "profiler/torch/step_executor.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/gpu/mixed_cluster.h"
#include "tests/profiler/gpu/stand_in_device.h"
#include "tests/profiler/gpu/stand_in_driver.h"

namespace placer::profile {

inline std::vector<float> floats(const Value& value) {
  std::vector<float> numbers(value.data.size() / sizeof(float));
  std::memcpy(numbers.data(), value.data.data(), value.data.size());
  return numbers;
}

// Streams are late by chance; a test in which something was not ordered fails.
class GpuExecutor : public ::testing::Test {
 protected:
  void SetUp() override {
    placer::testing::stand_in_pause(std::chrono::microseconds(200));
    (void)placer::testing::stand_in_crossings();
  }
  void TearDown() override {
    EXPECT_THAT(placer::testing::stand_in_faults(), ::testing::IsEmpty());
    placer::testing::stand_in_pause(std::chrono::microseconds(0));
  }

  std::unique_ptr<Executor> executor(const Graph& graph, const Cluster& cluster,
                                     const ExecutorOptions& options = {}) {
    return std::make_unique<StepExecutor>(graph, cluster, options, driver_.get());
  }
  static StepReport run(Executor& executor, const Placement& placement, bool record = false) {
    executor.place(placement);
    return executor.step(0, record);
  }

  const std::unique_ptr<test::FakeDriver> driver_ = placer::testing::stand_in_driver();
};

// Six devices: two of the host, two halves of GPU 0, two other GPUs.
inline placer::testing::MixedCluster many() {
  return {.cpus = 2, .gpus = {"cuda:0.0", "cuda:0.1", "cuda:1", "cuda:2"}};
}

inline Placement anywhere(const Graph& graph, std::size_t devices, Rng& rng) {
  std::vector<DeviceId> of_class(graph.num_colocation_classes());
  for (DeviceId& device : of_class) {
    device = id_at<DeviceId>(rng.below(devices));
  }
  Placement placement;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device.push_back(of_class[graph.colocation_class(id_at<NodeId>(i))]);
    placement.priority.push_back(static_cast<std::int64_t>(rng.below(1000)));
  }
  return placement;
}

}  // namespace placer::profile
