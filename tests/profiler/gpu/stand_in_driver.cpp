#include "tests/profiler/gpu/stand_in_driver.h"

#include "tests/profiler/gpu/stand_in_device.h"

namespace placer::testing {

std::unique_ptr<profile::test::FakeDriver> stand_in_driver() {
  auto driver = std::make_unique<profile::test::FakeDriver>(kStandInGpus);
  driver->make_stream = [](int gpu, profile::GpuPart /*part*/) { return stand_in_stream(gpu); };
  for (profile::test::FakeGpu& gpu : driver->gpus) {
    gpu.reading.clock_hz = 1.5e9;
    gpu.reading.celsius = 40;
  }
  driver->make_capture = stand_in_capture;
  return driver;
}

}  // namespace placer::testing
