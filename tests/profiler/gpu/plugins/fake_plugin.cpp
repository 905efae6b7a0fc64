// A plugin whose driver is the fake: as many GPUs as $PLACER_FAKE_GPUS says.

#include <cstdlib>

#include "tests/profiler/gpu/fake_driver.h"

namespace placer::profile::test {
namespace {

std::unique_ptr<GpuDriver> make_fake() {
  const char* count = std::getenv("PLACER_FAKE_GPUS");
  return std::make_unique<FakeDriver>(count == nullptr ? 0 : std::strtoul(count, nullptr, 10));
}

const GpuPlugin kFake{.version = kGpuDriverVersion, .make_driver = make_fake};

}  // namespace
}  // namespace placer::profile::test

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &placer::profile::test::kFake;
}
