#pragma once

// What a policy expects of a problem before it has drawn anything, for baseline=value: with s a
// summary of what the network has read,
//   V(s) = w . tanh(A s + a) + b
// learned by steps of Adam on the squared error. The policy's own weights do not learn from it.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "policy/torch/policy_gradient.h"
#include "policy/torch/weights.h"

namespace placer::policy {

class ValueHead {
 public:
  //   width    of the summary
  //   numbers  device and type of weights: those of the summary
  ValueHead(std::int64_t width, const at::TensorOptions& numbers);

  // Draws the weights anew and forgets all steps; V is 0 at first.
  void reset(std::uint64_t seed, std::uint64_t round);

  // V of a summary [width]: a scalar, differentiable in the weights.
  [[nodiscard]] at::Tensor value(const at::Tensor& summary) const;
  // mean over k of (R_k - V)^2 / 2
  [[nodiscard]] at::Tensor loss(const at::Tensor& summary, std::span<const double> rewards) const;
  // One step on it; returns the loss before.
  double learn(const at::Tensor& summary, std::span<const double> rewards);

  // "value.<name>", and what Adam keeps of them.
  [[nodiscard]] const std::vector<NamedTensor>& parameters() const { return weights_.all(); }
  [[nodiscard]] std::vector<NamedTensor> optimizer_state() const { return optimizer_.state(); }

 private:
  Weights weights_;
  AdamOptimizer optimizer_;
};

}  // namespace placer::policy
