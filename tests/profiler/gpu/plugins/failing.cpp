// A plugin that cannot make its driver, and says so by an exception.

#include "placer/base/error.h"
#include "profiler/gpu/gpu_driver.h"

namespace {

const placer::profile::GpuPlugin kFailing{
    .version = placer::profile::kGpuDriverVersion,
    .make_driver = []() -> std::unique_ptr<placer::profile::GpuDriver> {
      throw placer::Error(placer::ErrorKind::kDevice, "the driver is in a bad mood");
    }};

}  // namespace

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &kFailing;
}
