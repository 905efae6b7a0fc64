// A plugin whose GPUs are the stand-ins, so that the program itself can run steps on them. With
// $PLACER_STAND_IN_HANG=N, GPU N stops for good when it is first used.

#include <cstdlib>

#include "tests/profiler/gpu/mixed_cluster.h"
#include "tests/profiler/gpu/stand_in_device.h"

namespace placer::testing {
namespace {

std::unique_ptr<profile::GpuDriver> make_stand_in() {
  if (const char* gpu = std::getenv("PLACER_STAND_IN_HANG")) {
    hang_stand_in(static_cast<int>(std::strtol(gpu, nullptr, 10)));
  }
  return stand_in_driver();
}

const profile::GpuPlugin kStandIn{.version = profile::kGpuDriverVersion,
                                  .make_driver = make_stand_in};

}  // namespace
}  // namespace placer::testing

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &placer::testing::kStandIn;
}
