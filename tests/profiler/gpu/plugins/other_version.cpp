// A plugin of another interface version; making its driver would end the process.

#include <cstdlib>

#include "profiler/gpu/gpu_driver.h"

namespace {

const placer::profile::GpuPlugin kOther{
    .version = placer::profile::kGpuDriverVersion + 1,
    .make_driver = []() -> std::unique_ptr<placer::profile::GpuDriver> { std::abort(); }};

}  // namespace

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &kOther;
}
