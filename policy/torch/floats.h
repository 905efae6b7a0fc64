#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace placer::policy {

// A copy of `values`, row by row, of the type and on the device of `options`. The product of
// `shape` is their number.
[[nodiscard]] at::Tensor from_floats(std::span<const float> values,
                                     const std::vector<std::int64_t>& shape,
                                     const at::TensorOptions& options);

}  // namespace placer::policy
