#pragma once

#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

// The groups of problem.costs.graph() placed one after the other by a Seq2Seq: a decision each.
[[nodiscard]] std::unique_ptr<PolicyNetwork> make_sequence_policy(
    const Problem& problem, const SequenceParameters& parameters, std::uint64_t seed);

}  // namespace placer::policy
