#pragma once

// Whether a cluster's GPU is here.

#include <optional>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "profiler/gpu/gpu_driver.h"
#include "profiler/gpu/gpu_name.h"

namespace placer::profile {

// What is missing for ops to run on `device`, whose name is `name`: a driver, the GPU, or it is
// another model than the device's kind says, so that times would be kept under the wrong name.
// Empty: nothing.
[[nodiscard]] std::string missing_for(const Device& device, const GpuName& name, GpuDriver& driver);

// The driver for the GPUs that a cluster names; null where it names none, so that nothing is loaded.
[[nodiscard]] GpuDriver* gpu_driver_for(const Cluster& cluster);

// What and where the cluster's GPUs are, [cluster.size()], as gpu_places().
//   throws  Error(kDevice) with what missing_for() says of the first that is not here
[[nodiscard]] std::vector<std::optional<GpuPlace>> runnable_gpus(const Cluster& cluster,
                                                                 GpuDriver* driver);

}  // namespace placer::profile
