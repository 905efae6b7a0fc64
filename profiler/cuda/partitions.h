#pragma once

// GPUs whose multiprocessors are cut into equal parts: green contexts of the CUDA driver, and
// streams whose kernels stay within one.

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <cuda.h>

#include "profiler/gpu/gpu_driver.h"

namespace placer::profile {

// Thread-safe. What was cut stays so for the process's life: LibTorch may hold its streams.
class Partitions {
 public:
  // Of each part.
  //   throws  Error(kDevice) where the GPU cannot be cut so, or the driver is older than CUDA 12.5
  [[nodiscard]] int multiprocessors(int gpu, int parts);
  [[nodiscard]] CUstream new_stream(int gpu, GpuPart part);

 private:
  struct Cut {
    int multiprocessors = 0;
    std::vector<CUgreenCtx> contexts;  // [parts]
  };

  [[nodiscard]] const Cut& cut(int gpu, int parts);

  std::mutex mutex_;
  std::map<std::pair<int, int>, Cut> cuts_;  // by GPU and number of parts
};

}  // namespace placer::profile
