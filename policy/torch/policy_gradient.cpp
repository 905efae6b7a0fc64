#include "policy/torch/policy_gradient.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "placer/base/error.h"

namespace placer::policy {

namespace {

// [K]
at::Tensor to_weights(const Evaluation& evaluation, std::span<const double> advantages) {
  PLACER_CHECK(evaluation.log_probability.size(1) == static_cast<std::int64_t>(advantages.size()),
               "an advantage for every proposal");
  return at::tensor(at::ArrayRef<double>(advantages.data(), advantages.size()),
                    evaluation.log_probability.options());
}

}  // namespace

at::Tensor reinforce_loss(const Evaluation& evaluation, std::span<const double> advantages,
                          double entropy_weight) {
  const at::Tensor weights = to_weights(evaluation, advantages);
  const auto decisions = static_cast<double>(evaluation.log_probability.size(0));
  return -(evaluation.log_probability.sum(0) * weights).mean() / decisions -
         evaluation.entropy.mean() * entropy_weight;
}

at::Tensor ppo_loss(const Evaluation& evaluation, const at::Tensor& before,
                    std::span<const double> advantages, double range, double entropy_weight) {
  const at::Tensor weights = to_weights(evaluation, advantages);
  const at::Tensor ratio = (evaluation.log_probability - before).exp();
  const at::Tensor clipped = ratio.clamp(1 - range, 1 + range);
  return -at::minimum(ratio * weights, clipped * weights).mean() -
         evaluation.entropy.mean() * entropy_weight;
}

double mean_divergence(const at::Tensor& before, const at::Tensor& now) {
  const at::Tensor log_ratio = now.detach() - before;
  return (log_ratio.exp() - 1 - log_ratio).mean().item<double>();
}

at::Tensor imitation_loss(const Evaluation& evaluation) {
  const auto decisions = static_cast<double>(evaluation.log_probability.size(0));
  return -evaluation.log_probability.sum(0).mean() / decisions;
}

std::vector<at::Tensor> gradient_of(const at::Tensor& loss,
                                    const std::vector<NamedTensor>& parameters) {
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : parameters) values.push_back(parameter.value);
  return torch::autograd::grad({loss}, values, /*grad_outputs=*/{}, /*retain_graph=*/{},
                               /*create_graph=*/false, /*allow_unused=*/false);
}

double norm_of(const std::vector<at::Tensor>& gradient) {
  return at::stack(at::_foreach_norm(gradient)).norm().item<double>();
}

AdamOptimizer::AdamOptimizer(std::vector<NamedTensor> parameters, double lr, double clip)
    : lr_(lr), clip_(clip), parameters_(std::move(parameters)) {
  for (const NamedTensor& parameter : parameters_) {
    values_.push_back(parameter.value);
    means_.push_back(at::zeros_like(parameter.value.detach()));
    squares_.push_back(at::zeros_like(parameter.value.detach()));
    steps_.push_back(at::zeros({1}, parameter.value.options().dtype(at::kFloat)));
  }
}

AdamOptimizer::Step AdamOptimizer::minimize(const at::Tensor& loss) {
  auto gradient = gradient_of(loss, parameters_);
  if (!std::isfinite(loss.item<double>())) return {};
  return follow(std::move(gradient));
}

AdamOptimizer::Step AdamOptimizer::follow(std::vector<at::Tensor> gradient) {
  const at::NoGradGuard guard;
  Step step{.grad_norm = norm_of(gradient), .applied = false};
  if (!std::isfinite(step.grad_norm)) return step;
  if (step.grad_norm > clip_) at::_foreach_mul_(gradient, clip_ / step.grad_norm);
  for (at::Tensor& count : steps_) count.add_(1);
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  constexpr double epsilon = 1e-8;
  at::_fused_adam_(values_, gradient, means_, squares_, /*max_exp_avg_sqs=*/{}, steps_, lr_, beta1,
                   beta2, /*weight_decay=*/0, epsilon, /*amsgrad=*/false, /*maximize=*/false);
  step.applied = true;
  return step;
}

void AdamOptimizer::reset() {
  for (const NamedTensor& tensor : state()) tensor.value.zero_();
}

std::vector<NamedTensor> AdamOptimizer::state() const {
  std::vector<NamedTensor> state;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    state.push_back({"adam.mean." + parameters_[i].name, means_[i]});
    state.push_back({"adam.square." + parameters_[i].name, squares_[i]});
    state.push_back({"adam.steps." + parameters_[i].name, steps_[i]});
  }
  return state;
}

}  // namespace placer::policy
