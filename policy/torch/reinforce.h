#pragma once

// The policy gradient and the step that follows it (Williams, Machine Learning 1992; Kingma, Ba,
// ICLR 2015).

#include <cstdint>
#include <span>
#include <vector>

#include "policy/torch/seq2seq.h"

namespace placer::policy {

// loss = -(1 / (K N)) sum_k A_k log pi(p^k) - entropy_weight * mean_k H(p^k)
// Divided by the number of groups N, so that one learning rate and entropy weight fit every graph.
//   advantages  [K]; 0 for placements that must not teach
[[nodiscard]] at::Tensor reinforce_loss(const Evaluation& evaluation,
                                        std::span<const double> advantages, std::int64_t groups,
                                        double entropy_weight);

// Cross-entropy with placements to imitate: -(1 / (K N)) sum_k log pi(p^k).
[[nodiscard]] at::Tensor imitation_loss(const Evaluation& evaluation, std::int64_t groups);

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
