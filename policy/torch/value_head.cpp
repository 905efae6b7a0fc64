#include "policy/torch/value_head.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

namespace placer::policy {
namespace {

constexpr std::uint64_t kValueStream = 0x76616c7565;  // keeps its weights apart from a network's
constexpr std::int64_t kHidden = 16;
// Rewards are about -1; all of the head's last weights together move V by a tenth of that a step.
constexpr double kValueRate = 0.01;
constexpr double kValueClip = 1;

Weights make_weights(std::int64_t width, const at::TensorOptions& numbers) {
  Weights weights(kValueStream, numbers);
  weights.add_linear("value.hidden", width, kHidden);
  weights.add("value.out.weight", {1, kHidden}, 0);
  weights.add("value.out.bias", {1}, 0);
  weights.draw(0, 0);
  return weights;
}

}  // namespace

ValueHead::ValueHead(std::int64_t width, const at::TensorOptions& numbers)
    : weights_(make_weights(width, numbers)), optimizer_(weights_.all(), kValueRate, kValueClip) {}

void ValueHead::reset(std::uint64_t seed, std::uint64_t round) {
  weights_.draw(seed, round);
  optimizer_.reset();
}

at::Tensor ValueHead::value(const at::Tensor& summary) const {
  const at::Tensor row = summary.detach().unsqueeze(0);
  return weights_.linear("value.out", at::tanh(weights_.linear("value.hidden", row))).squeeze();
}

at::Tensor ValueHead::loss(const at::Tensor& summary, std::span<const double> rewards) const {
  const at::Tensor expected = value(summary);
  const at::Tensor seen =
      at::tensor(at::ArrayRef<double>(rewards.data(), rewards.size()), expected.options());
  return (seen - expected).square().mean() / 2;
}

double ValueHead::learn(const at::Tensor& summary, std::span<const double> rewards) {
  const at::Tensor error = loss(summary, rewards);
  optimizer_.minimize(error);
  return error.item<double>();
}

}  // namespace placer::policy
