#pragma once

// What placer asks of GPUs, without a CUDA header: facts, timed copies, partitions, limits, captured
// steps. The plugin (profiler/cuda/) implements it on CUDA, the tests by a fake. Discovery and the
// executor work through it; what LibTorch itself offers for every kind of device (streams, events,
// allocation of tensors) is not repeated here.
//
// GPUs are numbered from 0 as LibTorch numbers them: GPU 1 is its device cuda:1.
//
// Thread-safe. What a GPU refuses or fails at is thrown as Error(kDevice) that names the GPU and
// what CUDA said.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "placer/base/units.h"

namespace placer::profile {

// What stays as it is.
struct GpuFacts {
  std::string name;  // "NVIDIA H200"
  std::string bus;   // PCI address, "0000:19:00.0"
  Bytes memory;      // in all
  int multiprocessors = 0;
  int copy_engines = 0;          // copies that can run at once
  std::optional<int> numa_node;  // the host's nearest; nothing where the system does not say
};

// What changes from moment to moment. Nothing where the driver does not say.
struct GpuReading {
  Bytes memory_free;
  std::optional<double> clock_hz;  // of the multiprocessors
  std::optional<double> celsius;
};

// Versions as CUDA states them: "13.0" is the newest CUDA that the driver runs.
struct GpuSoftware {
  std::string driver;
  std::string runtime;
};

// One end of a copy: a GPU's memory, or the host's.
struct CopyEnd {
  std::optional<int> gpu;
  bool pinned = true;  // of the host's memory: page-locked
};

struct CopyRequest {
  CopyEnd from;
  CopyEnd to;  // another GPU, without peer access: CUDA stages the bytes in the host's memory
  Bytes bytes;
  bool both_ways = false;  // as many bytes from `to` to `from` at the same time
};

// A stream as c10::Stream::pack3() states it; c10::Stream::unpack3() makes one of it.
struct GpuStream {
  std::int64_t id = 0;
  std::int8_t device_index = 0;
  std::int8_t device_type = 0;
};

// Part `index` of a GPU whose multiprocessors are cut into `count` equal parts. {0, 1}: all of it.
struct GpuPart {
  int index = 0;
  int count = 1;
};

// Work that was captured from streams once and is launched as a whole. Its tensors stay where they
// were while this lives.
class GpuGraph {
 public:
  // A capture that has not come to its end leaves nothing behind.
  virtual ~GpuGraph() = default;
  // Ends the capture, on the thread that began it. Throws where something in it cannot be captured.
  virtual void end_capture() = 0;
  // Launches all of it on the calling thread's current stream. Random ops draw from LibTorch's
  // default generator of the GPU, which is set to `seed`, in the order of their capture.
  virtual void replay(std::uint64_t seed) = 0;
};

class GpuDriver {
 public:
  virtual ~GpuDriver() = default;

  // 0 where there are none; never throws.
  [[nodiscard]] virtual int count() const = 0;
  // Why there are none: no plugin, a library or the driver missing, too old a driver. Empty when
  // count() > 0.
  [[nodiscard]] virtual std::string problem() const = 0;
  [[nodiscard]] virtual GpuSoftware software() const = 0;

  [[nodiscard]] virtual GpuFacts facts(int gpu) const = 0;
  [[nodiscard]] virtual GpuReading reading(int gpu) const = 0;
  // Whether `from` can write to `to`'s memory without the host (from != to).
  [[nodiscard]] virtual bool has_peer_access(int from, int to) const = 0;

  // Runs the copy `repeats` times, one after the other, after one that is not timed.
  //   returns  [repeats] seconds from the call to its completion, by the host's clock
  [[nodiscard]] virtual std::vector<double> time_copies(const CopyRequest& request,
                                                        int repeats) = 0;
  // Launches `count` small LibTorch ops one after the other.
  //   returns  host seconds for one launch; the GPU's own time is not in it
  [[nodiscard]] virtual double time_launches(int gpu, int count) = 0;

  // Multiprocessors of each of `parts` equal parts, cut once and kept for the process's life.
  // Throws where this GPU or driver cannot be cut so.
  [[nodiscard]] virtual int part_multiprocessors(int gpu, int parts) = 0;
  // A stream whose kernels run on the part's multiprocessors only, for the process's life. Of a
  // whole GPU the first 32 are streams of their own.
  [[nodiscard]] virtual GpuStream new_stream(int gpu, GpuPart part) = 0;

  // Lets LibTorch's allocator hold at most so much of the GPU's memory in this process.
  virtual void limit_memory(int gpu, Bytes limit) = 0;
  // The most that tensors have held since reset_peak_memory().
  [[nodiscard]] virtual Bytes peak_memory(int gpu) const = 0;
  virtual void reset_peak_memory(int gpu) = 0;
  // Gives back what LibTorch's allocator keeps for later.
  virtual void release_cached_memory() = 0;

  // Captures what is launched from now on on the calling thread's current stream of the GPU, and on
  // streams that wait for it by events, instead of running it.
  [[nodiscard]] virtual std::unique_ptr<GpuGraph> begin_capture(int gpu) = 0;

  // An error after which this process cannot use the GPU any more (illegal access, lost device), as
  // CUDA states it; empty: none is known.
  [[nodiscard]] virtual std::string lost(int gpu) const = 0;
};

// What a plugin exports, under the name `placer_gpu_plugin` (kGpuPluginEntry): its interface
// version, to be compared before anything else is called, and a maker.
inline constexpr std::uint32_t kGpuDriverVersion = 2;  // of everything in this header
inline constexpr const char* kGpuPluginEntry = "placer_gpu_plugin";
struct GpuPlugin {
  std::uint32_t version = kGpuDriverVersion;
  std::unique_ptr<GpuDriver> (*make_driver)() = nullptr;
};
using GpuPluginEntry = const GpuPlugin*();

}  // namespace placer::profile
