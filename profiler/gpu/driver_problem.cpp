#include "profiler/gpu/driver_problem.h"

#include <fmt/format.h>

namespace placer::profile {

std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string driver_problem(const DriverState& state) {
  if (state.gpus > 0) {
    return "";
  }
  if (state.driver_version <= 0) {
    return "no NVIDIA driver is installed (libcuda.so.1)";
  }
  // Within a major version CUDA runs on older drivers.
  if (state.driver_version / 1000 < state.runtime_version / 1000) {
    return fmt::format("the NVIDIA driver is too old: it runs CUDA up to {}, LibTorch needs {}",
                       cuda_version(state.driver_version), cuda_version(state.runtime_version));
  }
  std::string text = "the NVIDIA driver finds no GPU";
  if (!state.visible.empty()) {
    text += fmt::format(" (CUDA_VISIBLE_DEVICES is \"{}\")", state.visible);
  } else if (!state.error.empty()) {
    text += fmt::format(" ({})", state.error);
  }
  return text;
}

}  // namespace placer::profile
