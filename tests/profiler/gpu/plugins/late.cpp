// What LibTorch's CUDA libraries do when they are loaded: they offer hooks, which LibTorch looks for
// once. The rest is the fake's.

#include <ATen/detail/CUDAHooksInterface.h>

#include "profiler/gpu/torch/load_order.h"
#include "tests/profiler/gpu/fake_driver.h"

namespace at {
namespace {

struct CUDAHooks : CUDAHooksInterface {  // the name under which LibTorch looks for it
  explicit CUDAHooks(CUDAHooksArgs /*unused*/) {}
  bool hasCUDART() const override { return true; }
};
REGISTER_CUDA_HOOKS(CUDAHooks)

}  // namespace
}  // namespace at

namespace {

const placer::profile::GpuPlugin kLate{
    .version = placer::profile::kGpuDriverVersion,
    .make_driver = []() -> std::unique_ptr<placer::profile::GpuDriver> {
      placer::profile::require_load_before_use();
      return std::make_unique<placer::profile::test::FakeDriver>(1);
    }};

}  // namespace

extern "C" const placer::profile::GpuPlugin* placer_gpu_plugin() {
  return &kLate;
}
