#include "profiler/cuda/cuda_calls.h"

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::profile {

void check_cuda(cudaError_t status, int gpu, std::string_view doing) {
  if (status != cudaSuccess) {
    (void)cudaGetLastError();  // else the next call that succeeds would be blamed for it
    throw Error(ErrorKind::kDevice,
                fmt::format("cuda:{}: {}: {}", gpu, doing, cudaGetErrorString(status)));
  }
}

void check_cuda(CUresult status, int gpu, std::string_view doing) {
  if (status != CUDA_SUCCESS) {
    throw Error(ErrorKind::kDevice, fmt::format("cuda:{}: {}: error {} of the driver", gpu, doing,
                                                static_cast<int>(status)));
  }
}

CurrentGpu::CurrentGpu(int gpu) {
  check_cuda(cudaGetDevice(&before_), gpu, "asking for the current GPU");
  check_cuda(cudaSetDevice(gpu), gpu, "using it");
}

CurrentGpu::~CurrentGpu() {
  (void)cudaSetDevice(before_);
}

}  // namespace placer::profile
