#pragma once

// The fake driver with streams of the stand-in GPUs (stand_in_device.h).

#include <memory>

#include "tests/profiler/gpu/fake_driver.h"

namespace placer::testing {

[[nodiscard]] std::unique_ptr<profile::test::FakeDriver> stand_in_driver();

}  // namespace placer::testing
