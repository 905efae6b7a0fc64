#pragma once

// The plugin library with everything that needs CUDA, loaded when a GPU is asked for, so that the
// program runs on machines that have none.

#include <filesystem>
#include <memory>
#include <string>

#include "profiler/gpu/gpu_driver.h"

namespace placer::profile {

// The file that is loaded: $PLACER_GPU_PLUGIN, else placer_cuda.so beside the program, in
// ../lib/placer (an installed tree) or in .. (tests and benchmarks of a build).
[[nodiscard]] std::filesystem::path gpu_plugin_file();

// A driver that has no GPU, and says why.
[[nodiscard]] std::unique_ptr<GpuDriver> no_gpus(std::string problem);

// Loads a plugin. Never throws: where it cannot be used, the driver has no GPU and names the
// problem: no such file, a library that is missing (with its name), another interface version, or
// LibTorch already in use without it (libraries cannot be added to it after that).
[[nodiscard]] std::unique_ptr<GpuDriver> load_gpu_plugin(const std::filesystem::path& file);

// This process's GPUs: loads gpu_plugin_file() on the first call, for good, unless the machine has no
// NVIDIA driver. Must come before any
// other call of LibTorch, else problem() says that it came too late. Thread-safe.
[[nodiscard]] GpuDriver& gpu_driver();

}  // namespace placer::profile
