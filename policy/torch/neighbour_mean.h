#pragma once

// Message passing: sums of rows along edges, differentiable.

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "policy/improvement_features.h"

namespace placer::policy {

// target[e] += weight[e] * rows[source[e]].
struct Messages {
  at::Tensor source;  // [edges] int64
  at::Tensor target;  // [edges] int64
  at::Tensor weight;  // [edges], of the rows' type
  std::int64_t num_targets = 0;
};

// For unit u, target 2 u is the mean over its neighbours that share its device, 2 u + 1 over the
// others; of none it is 0.
//   choice   [units]: device of each
//   numbers  type of the weights, device of all
[[nodiscard]] Messages neighbour_means(const Adjacency& adjacency,
                                       std::span<const std::uint8_t> choice,
                                       const at::TensorOptions& numbers);

// [sources, width] -> [num_targets, width], float or double. On a CPU the sums' order is that of the
// edges; on other devices it may differ from call to call.
[[nodiscard]] at::Tensor pass(const Messages& messages, const at::Tensor& rows);

}  // namespace placer::policy
