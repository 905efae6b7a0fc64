#include "policy/torch/policy_device.h"

#include <dlfcn.h>

#include <charconv>
#include <optional>
#include <string_view>

#include <ATen/Context.h>
#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

constexpr std::string_view kCuda = "cuda:";

// N of "cuda:N".
std::optional<int> gpu_of(std::string_view name) {
  int gpu = 0;
  if (!name.starts_with(kCuda)) return std::nullopt;
  const char* end = name.data() + name.size();
  const auto [last, problem] = std::from_chars(name.data() + kCuda.size(), end, gpu);
  if (problem != std::errc{} || last != end || gpu < 0 || gpu > 127) return std::nullopt;
  return gpu;
}

// Empty: LibTorch can reach `gpu`.
std::string what_is_missing(int gpu) {
  // Before LibTorch is asked for GPUs: it remembers the answer. It stays loaded, as its kernels do.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    return fmt::format("LibTorch's CUDA library cannot be loaded ({})",
                       reason == nullptr ? "libtorch_cuda.so" : reason);
  }
  const auto gpus = at::globalContext().hasCUDA()
                        ? static_cast<int>(at::detail::getCUDAHooks().deviceCount())
                        : 0;
  if (gpus == 0) return "LibTorch finds no GPU, or no driver for one";
  return gpu < gpus ? "" : fmt::format("there are {} GPUs, the first is cuda:0", gpus);
}

}  // namespace

at::Device open_policy_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  const std::optional<int> gpu = gpu_of(name);
  if (!gpu) {
    throw usage_error(fmt::format("policy device \"{}\": expected cpu, or cuda:0 for a GPU", name));
  }
  if (const std::string missing = what_is_missing(*gpu); !missing.empty()) {
    throw Error(ErrorKind::kDevice,
                fmt::format("the policy cannot run on {}: {}; --policy-device cpu needs neither",
                            name, missing));
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(*gpu)};
}

}  // namespace placer::policy
