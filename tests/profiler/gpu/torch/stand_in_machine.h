#pragma once

// What the stand-in GPUs consist of: streams, memory, the state of each GPU.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <c10/core/Stream.h>

#include "tests/profiler/gpu/stand_in_device.h"
#include "tests/profiler/gpu/stand_in_order.h"
#include "tests/profiler/gpu/stand_in_streams.h"

namespace placer::testing {

struct StandInGpu {
  std::atomic<int> streams{0};  // given out, beside the default one
  std::atomic<std::int64_t> live{0};
  std::atomic<std::int64_t> limit{std::int64_t{1} << 60};
  std::atomic<bool> broken{false};
};

struct StandInMachine {
  StreamOrder order;
  StandInStreams streams{order};
  std::array<StandInGpu, kStandInGpus> gpus;
  std::atomic<std::uint64_t> launches{0};
  std::atomic<std::uint64_t> to_gpu{0};
  std::atomic<std::uint64_t> to_host{0};
  std::atomic<std::uint64_t> between{0};
  std::atomic<std::uint64_t> within{0};
};

// Never destroyed: its threads outlive main().
[[nodiscard]] StandInMachine& machine();

// Appends work on tensors to a stream; what it throws is a fault.
void enqueue(int stream, std::string what, std::function<void()> work);

// Throws c10::AcceleratorError when the GPU is broken.
void require_alive(int gpu);

[[nodiscard]] inline int number_of(const c10::Stream& stream) {
  return stream.device_index() * StandInStreams::kStreamsPerGpu + static_cast<int>(stream.id());
}
// The calling thread's.
[[nodiscard]] int current_gpu();
void set_current_gpu(int gpu);
[[nodiscard]] c10::Stream current_stream(int gpu);
void set_current_stream(const c10::Stream& stream);

// Memory of a GPU. Its addresses are readable by nobody; `bytes` is what they stand for.
struct Block {
  int gpu = 0;
  std::int64_t size = 0;
  std::unique_ptr<char[]> bytes;  // null: freed
  StreamOrder::Memory use;
};

[[nodiscard]] c10::Allocator& gpu_memory();
[[nodiscard]] c10::Allocator& pinned_memory();
[[nodiscard]] bool is_pinned(const void* address);

// The block of a tensor on a GPU; null for one without elements.
[[nodiscard]] std::shared_ptr<Block> block_of(const at::Tensor& tensor);

// What a launch knows of a tensor: where it is, not that it lives.
struct Operand {
  explicit Operand(const at::Tensor& tensor);
  // For the host's kernels, when the launch's turn has come.
  [[nodiscard]] at::Tensor on_host() const;

  std::shared_ptr<Block> block;
  std::int64_t offset = 0;  // bytes
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  at::ScalarType type;
};

// A new tensor on a GPU, for its current stream.
[[nodiscard]] at::Tensor empty_on(int gpu, at::IntArrayRef sizes, at::ScalarType type,
                                  std::optional<at::MemoryFormat> format);
[[nodiscard]] at::Tensor empty_on(int gpu, at::IntArrayRef sizes, at::IntArrayRef strides,
                                  at::ScalarType type);

}  // namespace placer::testing
