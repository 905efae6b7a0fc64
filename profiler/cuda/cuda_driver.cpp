// The plugin: GpuDriver on CUDA and on what LibTorch has for CUDA only. The one file of placer that
// is compiled against LibTorch's CUDA headers.

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/cuda/copies.h"
#include "profiler/cuda/cuda_calls.h"
#include "profiler/cuda/partitions.h"
#include "profiler/cuda/readings.h"
#include "profiler/gpu/driver_problem.h"
#include "profiler/gpu/gpu_driver.h"
#include "profiler/gpu/torch/load_order.h"

namespace placer::profile {
namespace {

constexpr std::size_t kSmallFloats = 16;  // of an op that is only launched: 16 numbers
constexpr int kWarmUps = 20;

DriverState look_for_gpus() {
  DriverState state;
  const cudaError_t status = cudaGetDeviceCount(&state.gpus);
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    state.gpus = 0;
    state.error = cudaGetErrorString(status);
  }
  (void)cudaDriverGetVersion(&state.driver_version);
  (void)cudaRuntimeGetVersion(&state.runtime_version);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here sets the environment
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr) {
    state.visible = visible;
  }
  return state;
}

c10::DeviceIndex torch_index(int gpu) {
  return static_cast<c10::DeviceIndex>(gpu);
}

// With the GPU as LibTorch's current one; what LibTorch throws comes out as Error(kDevice).
template <typename Function>
auto on_gpu(int gpu, Function&& function) {
  try {
    const c10::cuda::CUDAGuard guard(torch_index(gpu));
    return function();
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kDevice,
                fmt::format("cuda:{}: {}", gpu, error.what_without_backtrace()));
  }
}

// Where a capture does not come to its end, LibTorch 2.11 leaves its allocators serving it, with a
// filter that refers to the graph (pytorch/pytorch#180395), and its generators in it: this ends that.
struct Captured : at::cuda::CUDAGraph {
  Captured() = default;
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    if (!capture_ended_ && capture_dev_ != UNDEFINED_DEVICE) {
      abandon();
    }
  }

 private:
  void abandon() {
    cudaGraph_t rest = nullptr;
    if (cudaStreamEndCapture(capture_stream_, &rest) == cudaSuccess && rest != nullptr) {
      (void)cudaGraphDestroy(rest);
    }
    (void)cudaGetLastError();
    attempt([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_); });
    attempt([&] { at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(mempool_id_); });
    for (const auto& [generator, increment] : captured_generator_states_) {
      generator->capturing_ = false;
    }
    capture_ended_ = true;  // reset() gives the memory back
  }

  template <typename Function>
  static void attempt(Function&& function) {
    try {
      function();
    } catch (const std::exception&) {  // it has ended already, or never begun
    }
  }
};

class CapturedGraph final : public GpuGraph {
 public:
  // Relaxed, since several threads launch into one capture.
  explicit CapturedGraph(int gpu) : gpu_(gpu) {
    on_gpu(gpu_, [&] { graph_.capture_begin({0, 0}, cudaStreamCaptureModeRelaxed); });
  }
  void end_capture() override {
    on_gpu(gpu_, [&] { graph_.capture_end(); });
  }
  void replay(std::uint64_t seed) override {
    on_gpu(gpu_, [&] {
      at::Generator generator =
          at::globalContext().defaultGenerator(at::Device(at::kCUDA, torch_index(gpu_)));
      {
        const std::scoped_lock lock(generator.mutex());
        generator.set_current_seed(seed);
      }
      graph_.replay();
    });
  }

 private:
  int gpu_;
  Captured graph_;
};

class CudaDriver final : public GpuDriver {
 public:
  CudaDriver() : state_(look_for_gpus()) {
    require_load_before_use();
    if (state_.gpus > 0) {
      on_gpu(0, [] { at::globalContext().lazyInitDevice(at::kCUDA); });
    }
  }

  int count() const override { return state_.gpus; }
  std::string problem() const override { return driver_problem(state_); }
  GpuSoftware software() const override {
    return {cuda_version(state_.driver_version), cuda_version(state_.runtime_version)};
  }

  GpuFacts facts(int gpu) const override {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, gpu), gpu, "asking for its properties");
    return {.name = properties.name,
            .bus = bus(gpu),
            .memory = Bytes{static_cast<std::int64_t>(properties.totalGlobalMem)},
            .multiprocessors = properties.multiProcessorCount,
            .copy_engines = properties.asyncEngineCount,
            .numa_node = numa_node(gpu)};
  }

  GpuReading reading(int gpu) const override {
    const CurrentGpu current(gpu);
    std::size_t free = 0;
    std::size_t total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), gpu, "asking for its free memory");
    const Readings readings = read_management_library(bus(gpu));
    return {Bytes{static_cast<std::int64_t>(free)}, readings.clock_hz, readings.celsius};
  }

  bool has_peer_access(int from, int to) const override {
    int possible = 0;
    check_cuda(cudaDeviceCanAccessPeer(&possible, from, to), from, "asking for peer access");
    return possible != 0;
  }

  std::vector<double> time_copies(const CopyRequest& request, int repeats) override {
    return time_cuda_copies(request, repeats);
  }

  double time_launches(int gpu, int count) override {
    return on_gpu(gpu, [&] {
      const c10::InferenceMode inference;
      const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(false, torch_index(gpu));
      const c10::cuda::CUDAStreamGuard guard(stream);
      const at::Tensor numbers =
          at::zeros({kSmallFloats}, at::TensorOptions(at::Device(at::kCUDA, torch_index(gpu))));
      const auto launch = [&](int times) {
        for (int i = 0; i < times; ++i) {
          (void)at::relu(numbers);
        }
      };
      launch(kWarmUps);
      stream.synchronize();
      const auto begin = std::chrono::steady_clock::now();
      launch(count);
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      stream.synchronize();
      return passed.count() / count;
    });
  }

  int part_multiprocessors(int gpu, int parts) override {
    return parts == 1 ? facts(gpu).multiprocessors : partitions_.multiprocessors(gpu, parts);
  }

  GpuStream new_stream(int gpu, GpuPart part) override {
    return on_gpu(gpu, [&] {
      const c10::cuda::CUDAStream stream =
          part.count == 1 ? c10::cuda::getStreamFromPool(false, torch_index(gpu))
                          : c10::cuda::getStreamFromExternal(partitions_.new_stream(gpu, part),
                                                             torch_index(gpu));
      const c10::StreamData3 packed = stream.pack3();
      return GpuStream{packed.stream_id, packed.device_index,
                       static_cast<std::int8_t>(packed.device_type)};
    });
  }

  void limit_memory(int gpu, Bytes limit) override {
    const auto share =
        static_cast<double>(limit.count) / static_cast<double>(facts(gpu).memory.count);
    on_gpu(gpu, [&] {
      c10::cuda::CUDACachingAllocator::setMemoryFraction(std::clamp(share, 0.0, 1.0),
                                                         torch_index(gpu));
    });
  }

  Bytes peak_memory(int gpu) const override {
    using c10::CachingAllocator::StatType;
    return on_gpu(gpu, [&] {
      const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(torch_index(gpu));
      return Bytes{stats.allocated_bytes[static_cast<std::size_t>(StatType::AGGREGATE)].peak};
    });
  }
  void reset_peak_memory(int gpu) override {
    on_gpu(gpu, [&] { c10::cuda::CUDACachingAllocator::resetPeakStats(torch_index(gpu)); });
  }
  void release_cached_memory() override { c10::cuda::CUDACachingAllocator::emptyCache(); }

  std::unique_ptr<GpuGraph> begin_capture(int gpu) override {
    return std::make_unique<CapturedGraph>(gpu);
  }

  std::string lost(int gpu) const override try {
    const CurrentGpu current(gpu);
    // Does not wait, and tells the errors that stay.
    const cudaError_t status = cudaStreamQuery(nullptr);
    return status == cudaSuccess || status == cudaErrorNotReady ? "" : cudaGetErrorString(status);
  } catch (const Error& error) {
    return error.what();
  }

 private:
  static std::string bus(int gpu) {
    std::array<char, 32> text{};
    check_cuda(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), gpu), gpu,
               "asking for its PCI address");
    return text.data();
  }

  static std::optional<int> numa_node(int gpu) {
    int node = -1;
    if (cudaDeviceGetAttribute(&node, cudaDevAttrHostNumaId, gpu) != cudaSuccess || node < 0) {
      (void)cudaGetLastError();
      std::string address = bus(gpu);
      std::ranges::transform(address, address.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      node = -1;
      std::ifstream(std::filesystem::path("/sys/bus/pci/devices") / address / "numa_node") >> node;
    }
    return node < 0 ? std::nullopt : std::optional(node);
  }

  DriverState state_;
  Partitions partitions_;
};

const GpuPlugin kPlugin{
    .version = kGpuDriverVersion,
    .make_driver = []() -> std::unique_ptr<GpuDriver> { return std::make_unique<CudaDriver>(); }};

}  // namespace
}  // namespace placer::profile

extern "C" __attribute__((visibility("default"))) const placer::profile::GpuPlugin*
placer_gpu_plugin() {
  return &placer::profile::kPlugin;
}
