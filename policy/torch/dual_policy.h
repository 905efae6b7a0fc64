#pragma once

// A policy that builds a placement as a list scheduler does (after DOPPLER, arXiv 2505.23131): SEL
// picks the next ready node, PLC its device. With e_v the embedding of node v (MessagePassing),
// r_v its ranks in mean task times (NodeFeatures::ranks), f_vd what ScheduleReader sees of device d when v's turn
// comes, T the temperature:
//   s_v  = (w . e_v + (urgency + Q e_v) . r_v) / T
//   SEL  P(v)     = exp(s_v) / sum over the ready nodes u of exp(s_u)
//   l_vd = ((first + U e_v) . f_vd + w2 . relu(A e_v + B f_vd + b)) / T
//   PLC  P(d | v) = exp(l_vd) / sum over the open devices c of exp(l_vc)
// Fresh weights are small but for `urgency`, of the upward rank, and those of a few columns of f, which make of the
// untrained policy a noisy list scheduler by rank, and by earliest finish (`greed`), few transfers and even loads
// (`thrift`) or few devices (`packing`), in turn (Learner::ways_to_begin).
//
// The graph is read once, by encode(). sample() is plain loops; evaluate() walks through the given
// schedules without tensors, then weighs all decisions at once.

#include <cstdint>
#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

struct DualParameters {
  std::int64_t width = 32;   // of a node's embedding; 4..1024
  std::int64_t layers = 3;   // of message passing; 0..16
  std::int64_t hidden = 16;  // of PLC's hidden layer; 1..256
  double urgency = 2;        // of the untrained policy: nats per mean task time of rank; 0..1000
  // The ways in which it begins; one that is 0 is left out (docs/dual.md).
  double greed = 3;        // nats per log of time lost; 0..1000
  double thrift = 6;       // nats per log of the time for which transfers hold links; 0..1000
  double packing = 40;     // nats that it costs to use a device on which nothing is yet; 0..1000
  double temperature = 1;  // divides all logits; 0.01..1000
  // What decode() makes: the most probable choices, and samples; 0: 64 up to 2,500 nodes, as many as
  // take the same time above, but 16 at least, or the most that the search wants; 0..1024.
  std::int64_t rollouts = 0;

  bool operator==(const DualParameters&) const = default;
};

//   numbers  device and type of weights and features: float, or double for gradient checks
[[nodiscard]] std::unique_ptr<PolicyNetwork> make_dual_policy(
    const Problem& problem, const DualParameters& parameters, std::uint64_t seed,
    const at::TensorOptions& numbers = at::kFloat);

}  // namespace placer::policy
