#pragma once

// Why CUDA sees no GPU, for people.

#include <string>

namespace placer::profile {

// What a plugin found when it looked for GPUs.
struct DriverState {
  int gpus = 0;
  int driver_version = 0;   // the newest CUDA that the driver runs, 1000 * major + 10 * minor; 0:
                            // there is no driver
  int runtime_version = 0;  // the CUDA that LibTorch was built for
  std::string error{};      // what CUDA says when it is asked for GPUs; empty: nothing
  std::string visible{};    // $CUDA_VISIBLE_DEVICES where it is set
};

// Empty when there are GPUs.
[[nodiscard]] std::string driver_problem(const DriverState& state);

// "13.0" of 13000.
[[nodiscard]] std::string cuda_version(int version);

}  // namespace placer::profile
