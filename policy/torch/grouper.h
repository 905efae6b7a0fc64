#pragma once

// The feed-forward network that puts every node into a group (Mirhoseini et al., ICLR 2018, section
// 3). With x_v the features of node v:
//   pi(. | v) = softmax(W tanh(A x_v + a) + b + r_v) over the groups
// r_v: weights of the node's own where it is given some to begin with, else 0.
// Not thread-safe.

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "policy/torch/policy_network.h"
#include "policy/torch/seq2seq.h"
#include "policy/torch/weights.h"

namespace placer::policy {

struct GrouperSizes {
  std::int64_t hidden = 64;
  std::int64_t type_width = 20;  // of an op type's embedding
  std::int64_t groups = 256;
};

class Grouper {
 public:
  // `inputs` of the nodes; what is forbidden in them does not matter.
  //   first_logits  [nodes, groups], r of fresh weights; empty: there is no r
  Grouper(const GrouperSizes& sizes, const Inputs& inputs, std::uint64_t seed,
          const std::vector<double>& first_logits = {});

  // As Seq2Seq::reset().
  void reset(std::uint64_t seed, std::uint64_t round) { weights_.draw(seed, round); }
  // [nodes, groups] log-probabilities, differentiable.
  [[nodiscard]] at::Tensor read(const Inputs& inputs) const;
  [[nodiscard]] const std::vector<NamedTensor>& parameters() const { return weights_.all(); }

 private:
  Weights weights_;
  at::Tensor own_logits_;  // [nodes, groups]: r; undefined: 0
};

}  // namespace placer::policy
