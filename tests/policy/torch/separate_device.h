#pragma once

// A device of LibTorch for tests of where tensors live: as a GPU, it has memory of its own that
// other code cannot read, and refuses operations on tensors of several devices. Computes on the CPU,
// to the same bits where the CPU has one way to do an operation.

#include <cstdint>

#include <c10/core/Device.h>

namespace placer::policy::test {

// Registered with LibTorch once for the whole process, at its start.
[[nodiscard]] at::Device separate_device();

// How many operations it has done.
[[nodiscard]] std::uint64_t separate_operations();

}  // namespace placer::policy::test
