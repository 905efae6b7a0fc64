#pragma once

// GPUs of LibTorch's for tests on machines that have none: devices of memory that the host cannot
// touch, streams that work on threads of their own, events, page-locked memory, peer copies. They
// compute with the CPU's kernels, so that a GPU gives the bits of a CPU.
//
// What an executor may get wrong is found whatever the threads do: a read that does not wait for
// what it reads, memory that is used again while a stream still uses it, ops on tensors of several
// devices. Registered with LibTorch for the whole process, at its start.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "placer/base/units.h"
#include "profiler/gpu/gpu_driver.h"

namespace placer::testing {

inline constexpr int kStandInGpus = 4;

// A new stream.
[[nodiscard]] profile::GpuStream stand_in_stream(int gpu);

// Captures the calling thread's current stream of the GPU. As CUDA, it refuses what would wait for a
// stream while it is captured, and no memory that the capture uses goes before it does.
[[nodiscard]] std::unique_ptr<profile::GpuGraph> stand_in_capture(int gpu);

// What was done wrong since the last call.
[[nodiscard]] std::vector<std::string> stand_in_faults();

// Copies since the last call.
struct Crossings {
  std::uint64_t to_gpu = 0;
  std::uint64_t to_host = 0;
  std::uint64_t between = 0;  // GPUs
  std::uint64_t within = 0;   // a GPU's memory
};
[[nodiscard]] Crossings stand_in_crossings();

// Ops that the host launched since the start, captured ones too.
[[nodiscard]] std::uint64_t stand_in_launches();

// Every piece of work of every stream comes up to so much late, by chance.
void stand_in_pause(std::chrono::microseconds longest);
// Of tensors on a GPU now; the most that it may be (at first: no limit).
[[nodiscard]] Bytes stand_in_live(int gpu);
void limit_stand_in(int gpu, Bytes most);
// From its next launch on, every call fails: the GPU is lost to this process, until it is mended.
void break_stand_in(int gpu);
void mend_stand_in(int gpu);
[[nodiscard]] bool stand_in_is_broken(int gpu);
// What it is given from now on never ends.
void hang_stand_in(int gpu);

}  // namespace placer::testing
