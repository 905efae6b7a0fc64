#pragma once

// CUDA's status codes as errors, and which GPU a thread works on.

#include <string_view>

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace placer::profile {

//   throws  Error(kDevice) "cuda:1: copying: an illegal memory access was encountered" unless the
//           call succeeded
void check_cuda(cudaError_t status, int gpu, std::string_view doing);
void check_cuda(CUresult status, int gpu, std::string_view doing);

// Makes a GPU the calling thread's current one while it lives.
class CurrentGpu {
 public:
  explicit CurrentGpu(int gpu);
  ~CurrentGpu();
  CurrentGpu(const CurrentGpu&) = delete;
  CurrentGpu& operator=(const CurrentGpu&) = delete;

 private:
  int before_ = 0;
};

}  // namespace placer::profile
