#pragma once

#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

// The groups of problem.costs.graph() placed one after the other by a Seq2Seq: a decision each.
//   numbers  device and type of weights and features
[[nodiscard]] std::unique_ptr<PolicyNetwork> make_sequence_policy(
    const Problem& problem, const SequenceParameters& parameters, std::uint64_t seed,
    const at::TensorOptions& numbers = at::kFloat);

}  // namespace placer::policy
