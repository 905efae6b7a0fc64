#pragma once

// GPUs in cluster files: "cuda:1" is GPU 1, "cuda:1.0" to "cuda:1.3" are its four parts.

#include <optional>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "profiler/gpu/gpu_driver.h"

namespace placer::profile {

struct GpuName {
  int gpu = 0;
  std::optional<int> part;

  friend bool operator==(const GpuName&, const GpuName&) = default;
};

// Nothing for names of another form ("cpu:0", "cuda:", "cuda:01", "cuda:0.x").
[[nodiscard]] std::optional<GpuName> parse_gpu_name(const std::string& name);

// Where a device's ops run.
struct GpuPlace {
  int gpu = 0;
  GpuPart part;
};

// [cluster.size()]; nothing for devices that are no GPU. A GPU has as many parts as the cluster has
// devices of it.
//   throws  Error(kDevice) for parts that are not numbered 0, 1, ... or that stand beside the whole
[[nodiscard]] std::vector<std::optional<GpuPlace>> gpu_places(const Cluster& cluster);

}  // namespace placer::profile
