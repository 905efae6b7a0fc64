#include "policy/torch/floats.h"

#include <algorithm>

#include <ATen/ops/empty.h>

namespace placer::policy {

at::Tensor from_floats(std::span<const float> values, const std::vector<std::int64_t>& shape,
                       const at::TensorOptions& options) {
  at::Tensor copy = at::empty(shape, at::kFloat);
  std::ranges::copy(values, copy.mutable_data_ptr<float>());
  return copy.to(options);
}

}  // namespace placer::policy
