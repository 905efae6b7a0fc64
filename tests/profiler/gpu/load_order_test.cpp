// Plugins and LibTorch in one process. Every case has a process of its own, since what LibTorch has
// once decided stays.

#include <cstdlib>
#include <iostream>

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "profiler/gpu/plugin.h"

namespace placer::profile::test {
namespace {

using testing::ExitedWithCode;

[[noreturn]] void load_and_tell(const char* file) {
  const auto driver = load_gpu_plugin(file);
  std::cerr << driver->count() << " GPUs: " << driver->problem() << "\n";
  std::_Exit(0);
}

constexpr const char* kLate = PLACER_TEST_PLUGINS "/late.so";

TEST(LoadOrder, APluginThatIsLoadedFirstIsUsed) {
  EXPECT_EXIT(load_and_tell(kLate), ExitedWithCode(0), "1 GPUs: ");
}

TEST(LoadOrder, APluginThatIsLoadedAfterUseOfLibTorchIsRefused) {
  const auto use_first = [] {
    (void)at::globalContext().hasCUDA();
    load_and_tell(kLate);
  };
  EXPECT_EXIT(use_first(), ExitedWithCode(0), "0 GPUs: LibTorch was in use before");
}

#ifdef PLACER_CUDA_PLUGIN
// On every machine: GPUs, or why there are none (LibTorch's CUDA build needs libraries that a
// machine without GPUs may lack).
TEST(LoadOrder, TheRealPluginHasGpusOrAReason) {
  EXPECT_EXIT(load_and_tell(PLACER_CUDA_PLUGIN), ExitedWithCode(0),
              "[1-9][0-9]* GPUs: |0 GPUs: no NVIDIA driver|0 GPUs: the NVIDIA driver|"
              "placer_cuda.so cannot be loaded: lib[^ ]*: cannot open");
}
#endif

}  // namespace
}  // namespace placer::profile::test
