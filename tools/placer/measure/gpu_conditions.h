#pragma once

// What times on GPUs depend on beside the work: clock and temperature, before and after.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "placer/cluster/cluster.h"
#include "profiler/gpu/gpu_driver.h"

namespace placer::cli {

class GpuConditions {
 public:
  // Reads the GPUs that the cluster's devices are on, for the first time; throws Error(kDevice) for
  // one that is not here.
  explicit GpuConditions(const Cluster& cluster);
  // What cannot be read any more, as a GPU that was lost, is said where the others are.
  void read_again();

  // A line for every GPU.
  [[nodiscard]] std::string text() const;
  // Adds "gpus" where there are any.
  void add_to(nlohmann::ordered_json& report) const;

 private:
  struct Read {
    int gpu = 0;
    profile::GpuReading before;
    profile::GpuReading after;
    std::string problem;  // why it could not be read again
  };

  profile::GpuDriver* driver_;  // null where the cluster has no GPU
  std::vector<Read> gpus_;
};

}  // namespace placer::cli
