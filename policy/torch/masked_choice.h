#pragma once

// A choice along the last dimension of a tensor, where some of it is forbidden: boolean, of a shape
// that broadcasts. Something is allowed in every row.

#include <ATen/core/Tensor.h>

namespace placer::policy {

// Log-probabilities; -inf where forbidden.
[[nodiscard]] at::Tensor masked_log_softmax(const at::Tensor& logits, const at::Tensor& forbidden);
// Nats, of log-probabilities such as masked_log_softmax gives.
[[nodiscard]] at::Tensor masked_entropy(const at::Tensor& log_probability,
                                        const at::Tensor& forbidden);

}  // namespace placer::policy
