#include "policy/torch/masked_choice.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>

namespace placer::policy {

at::Tensor masked_log_softmax(const at::Tensor& logits, const at::Tensor& forbidden) {
  return at::log_softmax(logits.masked_fill(forbidden, -std::numeric_limits<double>::infinity()),
                         -1);
}

at::Tensor masked_entropy(const at::Tensor& log_probability, const at::Tensor& forbidden) {
  // 0 * -inf would be NaN.
  const at::Tensor finite = log_probability.masked_fill(forbidden, 0);
  return -(finite.exp() * finite).sum(-1);
}

}  // namespace placer::policy
