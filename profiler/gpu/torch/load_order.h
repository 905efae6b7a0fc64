#pragma once

// LibTorch looks once for what it can do with CUDA, on first use, and remembers when it found
// nothing.

#include <ATen/detail/CUDAHooksInterface.h>

#include "placer/base/error.h"

namespace placer::profile {

// For plugins, once LibTorch's CUDA libraries are loaded.
//   throws  Error(kDevice) when that was too late
inline void require_load_before_use() {
  if (!at::detail::getCUDAHooks().hasCUDART()) {
    throw Error(
        ErrorKind::kDevice,
        "LibTorch was in use before the GPU plugin was loaded, so it cannot use GPUs in this "
        "process");
  }
}

}  // namespace placer::profile
