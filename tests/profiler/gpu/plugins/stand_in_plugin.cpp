// A plugin whose GPUs are the stand-ins, so that the program itself can run steps on them. With
// $PLACER_STAND_IN_HANG=N, GPU N stops for good when it is first used; with $PLACER_STAND_IN_LOSE=N,
// it is lost.

#include <cstdlib>
#include <optional>

#include "tests/profiler/gpu/stand_in_device.h"
#include "tests/profiler/gpu/stand_in_driver.h"

namespace placer::testing {
namespace {

std::optional<int> gpu_in(const char* variable) {
  const char* const gpu = std::getenv(variable);
  return gpu == nullptr ? std::nullopt : std::optional(std::atoi(gpu));
}

std::unique_ptr<profile::GpuDriver> make_stand_in() {
  auto driver = stand_in_driver();
  if (const auto gpu = gpu_in("PLACER_STAND_IN_HANG")) {
    hang_stand_in(*gpu);
  }
  if (const auto gpu = gpu_in("PLACER_STAND_IN_LOSE")) {
    break_stand_in(*gpu);
    driver->gpus[static_cast<std::size_t>(*gpu)].lost = "an illegal memory access";
  }
  return driver;
}

const profile::GpuPlugin kStandIn{.version = profile::kGpuDriverVersion,
                                  .make_driver = make_stand_in};

}  // namespace
}  // namespace placer::testing

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &placer::testing::kStandIn;
}
