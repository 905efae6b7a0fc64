#pragma once

// The feed-forward network that puts every node into a group (Mirhoseini et al., ICLR 2018, section
// 3). With x_v the features of node v:
//   pi(. | v) = softmax(W tanh(A x_v + a) + b) over the groups
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
  Grouper(const GrouperSizes& sizes, const Inputs& inputs, std::uint64_t seed);

  // As Seq2Seq::reset().
  void reset(std::uint64_t seed, std::uint64_t round) { weights_.draw(seed, round); }
  // [nodes, groups] log-probabilities, differentiable.
  [[nodiscard]] at::Tensor read(const Inputs& inputs) const;
  [[nodiscard]] const std::vector<NamedTensor>& parameters() const { return weights_.all(); }

 private:
  Weights weights_;
};

}  // namespace placer::policy
