#pragma once

// Where a policy's network lives: weights, features and all that is computed from them. Sampling
// walks through its decisions on the CPU and reads copies of what the network says.

#include <string>

#include <c10/core/Device.h>

namespace placer::policy {

// Of "cpu", or "cuda:0" for the first GPU. For a GPU LibTorch's CUDA library is loaded, which no
// program of this project links.
//   throws  Error(kUsage) for another text; Error(kDevice), with what is missing, where that library
//           cannot be loaded or there is no such GPU
[[nodiscard]] at::Device open_policy_device(const std::string& name);

}  // namespace placer::policy
