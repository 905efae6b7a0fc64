#pragma once

// What a policy learns from its proposals, and the step that follows (Williams, Machine Learning
// 1992; Schulman et al., 2017; Kingma, Ba, ICLR 2015).

#include <cstdint>
#include <span>
#include <vector>

#include "policy/torch/policy_network.h"

namespace placer::policy {

// loss = -(1 / (K S)) sum_k A_k log pi(p^k) - entropy_weight * mean_k H(p^k)
// Divided by the number of decisions S, so that one learning rate and entropy weight fit every
// graph.
//   advantages  [K]; 0 for proposals that must not teach
[[nodiscard]] at::Tensor reinforce_loss(const Evaluation& evaluation,
                                        std::span<const double> advantages, double entropy_weight);

// With r = pi(decision) / pi_before(decision) of each decision by itself (of whole proposals the
// ratio leaves the clipping range at once):
// loss = -mean over S, K of min(r A, clip(r, 1 - range, 1 + range) A) - entropy_weight * mean_k H
// (Schulman et al., arXiv 1707.06347, section 3).
//   before  [S, K], log-probabilities of the policy that drew the proposals, without gradients
[[nodiscard]] at::Tensor ppo_loss(const Evaluation& evaluation, const at::Tensor& before,
                                  std::span<const double> advantages, double range,
                                  double entropy_weight);

// How far a policy has moved from the one that drew the proposals: the estimate of their
// divergence KL(before || now), nats per decision, that is never negative, mean of r - 1 - log r
// (Schulman, "Approximating KL divergence", 2020).
[[nodiscard]] double mean_divergence(const at::Tensor& before, const at::Tensor& now);

// Cross-entropy with proposals to imitate, nats per decision: -(1 / (K S)) sum_k log pi(p^k).
[[nodiscard]] at::Tensor imitation_loss(const Evaluation& evaluation);

// Of the loss with respect to each of the parameters, which it has to depend on.
[[nodiscard]] std::vector<at::Tensor> gradient_of(const at::Tensor& loss,
                                                  const std::vector<NamedTensor>& parameters);
// Euclidean, of all together.
[[nodiscard]] double norm_of(const std::vector<at::Tensor>& gradient);

// Adam with the gradient's norm clipped. Keeps its moments by parameter, in the parameters' order.
class AdamOptimizer {
 public:
  struct Step {
    double grad_norm = 0;  // before clipping
    bool applied = false;  // false: loss or gradient is not finite, nothing changed
  };

  // The parameters share memory with the network's.
  AdamOptimizer(std::vector<NamedTensor> parameters, double lr, double clip);

  Step minimize(const at::Tensor& loss);
  // A step along a gradient that was computed elsewhere.
  Step follow(std::vector<at::Tensor> gradient);
  void set_rate(double lr) { lr_ = lr; }
  // Forgets all steps.
  void reset();

  // Moments and step counts as "adam.mean.<name>", "adam.square.<name>", "adam.steps.<name>"; they
  // share memory with the optimizer.
  [[nodiscard]] std::vector<NamedTensor> state() const;

 private:
  double lr_;
  double clip_;
  std::vector<NamedTensor> parameters_;
  std::vector<at::Tensor> values_;
  std::vector<at::Tensor> means_;
  std::vector<at::Tensor> squares_;
  std::vector<at::Tensor> steps_;
};

}  // namespace placer::policy
