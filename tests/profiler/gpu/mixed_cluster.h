#pragma once

// Clusters of this machine's processors and of GPUs that fakes and stand-ins are.

#include <memory>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "tests/profiler/gpu/fake_driver.h"

namespace placer::testing {

// "cpu:0" ..., then "cuda:0" ... or parts of one, all of them linked by copies.
struct MixedCluster {
  std::size_t cpus = 1;
  std::vector<std::string> gpus = {"cuda:0", "cuda:1"};
  Bytes gpu_memory{std::int64_t{1} << 40};
};
[[nodiscard]] Cluster mixed_cluster(const MixedCluster& what);

// A driver whose streams are those of the stand-in GPUs (stand_in_device.h).
[[nodiscard]] std::unique_ptr<profile::test::FakeDriver> stand_in_driver();

}  // namespace placer::testing
