#pragma once

// Copies, timed one by one.

#include <vector>

#include "profiler/gpu/gpu_driver.h"

namespace placer::profile {

// As GpuDriver::time_copies().
[[nodiscard]] std::vector<double> time_cuda_copies(const CopyRequest& request, int repeats);

}  // namespace placer::profile
