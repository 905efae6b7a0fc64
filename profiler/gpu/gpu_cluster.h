#pragma once

// GPUs as devices of a cluster: whole, or cut into virtual ones.

#include <span>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "profiler/gpu/discovery.h"

namespace placer::profile {

// One GPU as several devices.
struct GpuSplit {
  int gpu = 0;
  int parts = 1;
};

// Of "cuda:0=4".
//   throws  Error(kUsage) for another form, or other than 2, 4 or 8 parts
[[nodiscard]] GpuSplit parse_gpu_split(const std::string& text);

//   throws  Error(kDevice) when a split names a GPU that is not there or that cannot be used
void require_gpus(const GpuSurvey& survey, std::span<const GpuSplit> splits);

// How many devices GPUs without problem become.
[[nodiscard]] std::size_t gpu_devices(const GpuSurvey& survey, std::span<const GpuSplit> splits);

// The devices of `host`; after them of every GPU without problem "cuda:N", or its parts "cuda:N.0",
// "cuda:N.1", ...: equal shares of its multiprocessors, and of its free memory as a limit for each.
// Links (docs/gpu.md): one a direction between the host and a GPU, which its parts share, or one for
// both where that is what copies at once show; one within the memory of a GPU with parts; one a
// direction between two GPUs.
// `splits` are of usable GPUs (require_gpus).
//   throws  Error(kDevice) when a GPU cannot be cut so
[[nodiscard]] Cluster with_gpus(const Cluster& host, GpuDriver& driver, const GpuSurvey& survey,
                                std::span<const GpuSplit> splits);

}  // namespace placer::profile
