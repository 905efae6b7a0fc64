#include "tests/profiler/gpu/torch/stand_in_machine.h"

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include "placer/base/error.h"

namespace placer::testing {

namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);
constexpr int kUnwritten = 0xFF;  // NaN, -1, true: what nobody wrote

thread_local int the_current_gpu = 0;
thread_local std::array<c10::StreamId, kStandInGpus> the_current_streams{};

at::Device device_of(int gpu) {
  return {at::kPrivateUse1, static_cast<c10::DeviceIndex>(gpu)};
}

// Addresses that nobody may read, each given out once.
char* next_address(std::int64_t size) {
  constexpr std::int64_t kAll = std::int64_t{1} << 42;
  constexpr std::int64_t kAlignment = 512;
  static char* const base = static_cast<char*>(
      mmap(nullptr, kAll, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  static std::atomic<std::int64_t> used{0};
  PLACER_CHECK(base != MAP_FAILED, "addresses for a test");
  return base + used.fetch_add((size + kAlignment - 1) / kAlignment * kAlignment);
}

// The memory goes when the streams that use it have come so far.
void free_block(void* context) {
  const std::unique_ptr<std::shared_ptr<Block>> owner(
      static_cast<std::shared_ptr<Block>*>(context));
  const std::shared_ptr<Block> block = *owner;
  machine().order.free(block->use);
  machine().gpus[static_cast<std::size_t>(block->gpu)].live -= block->size;
  std::set<int> users = block->use.kept_for;
  users.insert(block->use.stream);
  if (machine().streams.captured(block->use.stream)) {
    return;  // it is the capture's, whose work holds the block
  }
  auto left = std::make_shared<std::atomic<std::size_t>>(users.size());
  for (const int stream : users) {
    machine().streams.push(stream, [left, block] {
      if (left->fetch_sub(1) == 1) {
        block->bytes.reset();
      }
    });
  }
}

class GpuMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    const int gpu = current_gpu();
    if (size == 0) {
      return {nullptr, nullptr, [](void*) {}, device_of(gpu)};
    }
    StandInGpu& state = machine().gpus[static_cast<std::size_t>(gpu)];
    const auto bytes = static_cast<std::int64_t>(size);
    if (state.live.fetch_add(bytes) + bytes > state.limit) {
      state.live -= bytes;
      TORCH_CHECK_WITH(OutOfMemoryError, false, "stand-in out of memory: tried to allocate ", size,
                       " bytes");
    }
    auto block = std::make_shared<Block>();
    block->gpu = gpu;
    block->size = bytes;
    block->bytes = std::make_unique_for_overwrite<char[]>(size);
    std::memset(block->bytes.get(), kUnwritten, size);
    block->use.name = std::to_string(size) + " bytes on GPU " + std::to_string(gpu);
    block->use.stream = number_of(current_stream(gpu));
    char* const address = next_address(bytes);
    return {address, new std::shared_ptr<Block>(block), &free_block, device_of(gpu)};
  }
  void copy_data(void* /*to*/, const void* /*from*/, std::size_t /*count*/) const override {
    PLACER_CHECK(false, "memory of a GPU is copied by streams");
  }
};

class PinnedMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    char* const bytes = new char[size + 1];
    std::memset(bytes, kUnwritten, size);
    const std::scoped_lock lock(mutex_);
    ranges_[bytes] = size + 1;
    return {bytes, bytes, &release, at::kCPU};
  }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    std::memcpy(to, from, count);
  }
  bool holds(const void* address) {
    const std::scoped_lock lock(mutex_);
    auto after = ranges_.upper_bound(static_cast<const char*>(address));
    if (after == ranges_.begin()) {
      return false;
    }
    --after;
    return static_cast<const char*>(address) < after->first + after->second;
  }

 private:
  static void release(void* bytes);

  std::mutex mutex_;
  std::map<const char*, std::size_t> ranges_;
};

PinnedMemory& the_pinned_memory() {
  static PinnedMemory& memory = *new PinnedMemory;
  return memory;
}

void PinnedMemory::release(void* bytes) {
  PinnedMemory& memory = the_pinned_memory();
  const std::scoped_lock lock(memory.mutex_);
  memory.ranges_.erase(static_cast<char*>(bytes));
  delete[] static_cast<char*>(bytes);
}

}  // namespace

StandInMachine& machine() {
  static StandInMachine& all = *new StandInMachine;
  return all;
}

void enqueue(int stream, std::string what, std::function<void()> work) {
  machine().streams.push(stream, [what = std::move(what), work = std::move(work)] {
    const c10::InferenceMode inference;
    try {
      work();
    } catch (const std::exception& error) {
      machine().order.fault(what + ": " + error.what());
    }
  });
}

void require_alive(int gpu) {
  if (stand_in_is_broken(gpu)) {
    throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, 700,
                                "stand-in error: an illegal memory access was encountered");
  }
}

int current_gpu() {
  return the_current_gpu;
}
void set_current_gpu(int gpu) {
  the_current_gpu = gpu;
}

c10::Stream current_stream(int gpu) {
  return c10::Stream(c10::Stream::UNSAFE, device_of(gpu),
                     the_current_streams[static_cast<std::size_t>(gpu)]);
}
void set_current_stream(const c10::Stream& stream) {
  the_current_streams[static_cast<std::size_t>(stream.device_index())] = stream.id();
}

c10::Allocator& gpu_memory() {
  static GpuMemory& memory = *new GpuMemory;
  return memory;
}
c10::Allocator& pinned_memory() {
  return the_pinned_memory();
}
bool is_pinned(const void* address) {
  return the_pinned_memory().holds(address);
}

std::shared_ptr<Block> block_of(const at::Tensor& tensor) {
  const void* const context = tensor.storage().data_ptr().get_context();
  return context == nullptr ? nullptr : *static_cast<const std::shared_ptr<Block>*>(context);
}

Operand::Operand(const at::Tensor& tensor)
    : block(block_of(tensor)),
      offset(tensor.storage_offset() * static_cast<std::int64_t>(tensor.itemsize())),
      sizes(tensor.sizes().vec()),
      strides(tensor.strides().vec()),
      type(tensor.scalar_type()) {}

at::Tensor Operand::on_host() const {
  if (block == nullptr) {
    return at::empty(sizes, at::TensorOptions(type));
  }
  TORCH_CHECK(block->bytes != nullptr, block->use.name, " is used after it was freed");
  return at::from_blob(block->bytes.get() + offset, sizes, strides, at::TensorOptions(type));
}

at::Tensor empty_on(int gpu, at::IntArrayRef sizes, at::ScalarType type,
                    std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(device_of(gpu));
  return at::detail::empty_generic(sizes, &gpu_memory(), kKeys, type, format);
}

at::Tensor empty_on(int gpu, at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType type) {
  const c10::DeviceGuard guard(device_of(gpu));
  return at::detail::empty_strided_generic(sizes, strides, &gpu_memory(), kKeys, type);
}

profile::GpuStream stand_in_stream(int gpu) {
  const int id = 1 + machine().gpus[static_cast<std::size_t>(gpu)].streams++ %
                         (StandInStreams::kStreamsPerGpu - 1);
  const c10::StreamData3 packed = c10::Stream(c10::Stream::UNSAFE, device_of(gpu), id).pack3();
  return {packed.stream_id, packed.device_index, static_cast<std::int8_t>(packed.device_type)};
}

std::vector<std::string> stand_in_faults() {
  return machine().order.take_faults();
}

Crossings stand_in_crossings() {
  StandInMachine& all = machine();
  return {all.to_gpu.exchange(0), all.to_host.exchange(0), all.between.exchange(0),
          all.within.exchange(0)};
}

std::uint64_t stand_in_launches() {
  return machine().launches;
}

void stand_in_pause(std::chrono::microseconds longest) {
  machine().streams.set_pause(longest);
}

Bytes stand_in_live(int gpu) {
  return {machine().gpus[static_cast<std::size_t>(gpu)].live};
}
void limit_stand_in(int gpu, Bytes most) {
  machine().gpus[static_cast<std::size_t>(gpu)].limit = most.count;
}
void break_stand_in(int gpu) {
  machine().gpus[static_cast<std::size_t>(gpu)].broken = true;
}
void mend_stand_in(int gpu) {
  machine().gpus[static_cast<std::size_t>(gpu)].broken = false;
}
bool stand_in_is_broken(int gpu) {
  return machine().gpus[static_cast<std::size_t>(gpu)].broken;
}
void hang_stand_in(int gpu) {
  machine().streams.hang(gpu);
}

}  // namespace placer::testing
