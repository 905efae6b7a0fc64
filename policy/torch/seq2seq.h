#pragma once

// The policy network: a (bi)LSTM reads the groups in topological order, an LSTM with attention
// writes a device for each (Mirhoseini et al., ICML 2017, section 3.2). With x_i the features of
// group i, p_i its device:
//   e_i = LSTM_enc(x)_i                              encoder state, both directions concatenated
//   s_i = LSTM_dec(s_(i-1), [e_i, E(p_(i-1))])       E(p_(-1)) is an embedding of its own
//   a_ij = softmax_j(s_i . K e_j / sqrt(hidden))
//   z_i = W s_i + sum_j a_ij V e_j + b + r_i         then z / T, or C tanh(z / T); r_i: a weight of
//                                                    the group's own where it is given one to begin
//                                                    with, else 0
//   p_i ~ softmax(z_i), with z = -inf for devices that the group may not use
//
// Two paths share the projections in Encoding: sample() draws placements without gradients,
// evaluate() gives the log-probability of given placements in one teacher-forced pass. Gradients
// never pass through the sampling loop. Not thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "placer/base/random.h"
#include "policy/features.h"
#include "policy/parameters.h"
#include "policy/torch/policy_network.h"
#include "policy/torch/weights.h"

namespace placer::policy {

// Features as tensors: N groups, T op types, F further columns, D devices.
struct Inputs {
  at::Tensor type_counts;    // [N, T]
  at::Tensor numbers;        // [N, F]
  at::Tensor forbidden;      // [N, D] bool
  at::Tensor own_rows = {};  // [N] int, which of the r is a group's; undefined: its own, R = N
};

//   numbers  their device, and the type of what is no mask
[[nodiscard]] Inputs to_inputs(const GroupFeatures& features, const at::TensorOptions& numbers);

// All that decoding needs of the encoder, projected once for every step and sample; differentiable.
struct Encoding {
  at::Tensor input_gates;   // [N, 4 hidden], biases included
  at::Tensor device_gates;  // [D + 1, 4 hidden]; the last row starts a sequence
  at::Tensor keys;          // [hidden, N], scaled by 1 / sqrt(hidden)
  at::Tensor values;        // [N, D]
  at::Tensor own_logits;    // [N, D]: r; undefined: 0
  at::Tensor summary;       // [width of e]: the mean of all e_i
  at::Tensor forbidden;     // [N, D] bool
};

struct Samples {
  at::Tensor actions;          // [N, K] int64, on the CPU
  at::Tensor log_probability;  // [K], of whole placements, likewise
};

class Seq2Seq {
 public:
  // Weights have the device and type of the inputs; float, or double for gradient checks.
  //   first_logits  of each way to begin [R, D], the r of fresh weights, or empty: 0; where all are
  //                 there is no r
  Seq2Seq(const SequenceParameters& parameters, const Inputs& inputs, std::uint64_t seed,
          const std::vector<std::vector<double>>& first_logits = {});

  // Draws the weights anew, in place. They depend on seed, round, the sizes and the first logits of
  // the round's way only; round 0 is what the constructor draws.
  void reset(std::uint64_t seed, std::uint64_t round) { weights_.draw(seed, round); }
  [[nodiscard]] std::uint64_t ways_to_begin() const { return weights_.ways(); }

  // Of any number of groups, with as many types, columns and devices as those it was made for.
  [[nodiscard]] Encoding encode(const Inputs& inputs) const;
  // K = rngs.size() placements; sample k uses rngs[k], one draw a group.
  [[nodiscard]] Samples sample(const Encoding& encoding, std::span<Rng> rngs) const;
  // Of actions [N, K] on any device, a decision for each group; forbidden ones have -inf.
  [[nodiscard]] Evaluation evaluate(const Encoding& encoding, const at::Tensor& actions) const;

  [[nodiscard]] std::int64_t summary_width() const {
    return bidirectional_ ? 2 * hidden_ : hidden_;
  }

  // In a fixed order; names are those of the tensors in a checkpoint.
  [[nodiscard]] const std::vector<NamedTensor>& parameters() const { return weights_.all(); }

 private:
  [[nodiscard]] at::Tensor log_probabilities(const at::Tensor& logits,
                                             const at::Tensor& forbidden) const;

  std::int64_t hidden_;
  bool bidirectional_;
  double temperature_;
  double tanh_;
  Weights weights_;
  at::Tensor own_logits_;  // undefined: there are none
};

}  // namespace placer::policy
