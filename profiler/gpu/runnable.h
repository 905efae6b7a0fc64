#pragma once

// Whether a cluster's GPU is here.

#include <string>

#include "placer/cluster/cluster.h"
#include "profiler/gpu/gpu_driver.h"
#include "profiler/gpu/gpu_name.h"

namespace placer::profile {

// What is missing for ops to run on `device`, whose name is `name`: a driver, the GPU, or it is
// another model than the device's kind says, so that times would be kept under the wrong name.
// Empty: nothing.
[[nodiscard]] std::string missing_for(const Device& device, const GpuName& name, GpuDriver& driver);

}  // namespace placer::profile
