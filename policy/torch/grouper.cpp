#include "policy/torch/grouper.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tanh.h>

namespace placer::policy {
namespace {

constexpr std::uint64_t kGrouperStream = 0x67726f7570;

}  // namespace

Grouper::Grouper(const GrouperSizes& sizes, const Inputs& inputs, std::uint64_t seed,
                 const std::vector<double>& first_logits)
    : weights_(kGrouperStream, inputs.numbers.options()) {
  const std::int64_t read = sizes.type_width + inputs.numbers.size(1);
  const double bound = 1 / std::sqrt(static_cast<double>(read));
  const double bound_hidden = 1 / std::sqrt(static_cast<double>(sizes.hidden));
  weights_.add("type_embedding", {inputs.type_counts.size(1), sizes.type_width}, 1);
  weights_.add("hidden.weight", {sizes.hidden, read}, bound);
  weights_.add("hidden.bias", {sizes.hidden}, bound);
  weights_.add("output.weight", {sizes.groups, sizes.hidden}, bound_hidden);
  weights_.add("output.bias", {sizes.groups}, 0);
  if (!first_logits.empty()) {
    const std::int64_t nodes = inputs.type_counts.size(0);
    own_logits_ = weights_.add("output.own", {nodes, sizes.groups}, 0, {first_logits});
  }
  reset(seed, 0);
}

at::Tensor Grouper::read(const Inputs& inputs) const {
  const at::Tensor types = at::mm(inputs.type_counts, weights_.get("type_embedding"));
  const at::Tensor all = at::cat({types, inputs.numbers}, 1);
  const at::Tensor hidden =
      at::tanh(at::linear(all, weights_.get("hidden.weight"), weights_.get("hidden.bias")));
  const at::Tensor logits =
      at::linear(hidden, weights_.get("output.weight"), weights_.get("output.bias"));
  return at::log_softmax(own_logits_.defined() ? logits + own_logits_ : logits, -1);
}

}  // namespace placer::policy
