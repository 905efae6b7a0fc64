#pragma once

// Groups the nodes, then places the groups, both learned together (Mirhoseini et al., "A
// Hierarchical Model for Device Placement", ICLR 2018): a Grouper draws a group for each of the N
// nodes, a Seq2Seq a device for each of the groups that got any. A proposal's placement is what that
// comes to (grouped_features.h); its `latent` keeps what was drawn, N groups, then G devices, -1 for
// groups without nodes. Decisions are in the same order, N + G of them; what was no choice (nodes
// that follow another one, groups without nodes) has log-probability 0.
//
// Proposals of one grouping share the first N decisions, so that in a mean over K proposals of
// A_k sum(log pi) the grouper is taught by the mean of their advantages, as published.

#include <memory>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/settings.h"
#include "policy/torch/policy_network.h"

namespace placer::policy {

struct GroupingParameters {
  std::int64_t groups = 256;         // at most one for every node that is asked; 1..4096
  std::int64_t grouper_hidden = 64;  // width of the grouper's hidden layer; 1..4096
  std::int64_t placements = 4;       // drawn under one grouping; 1..4096
  double grouper_entropy = 1;        // weight of the grouper's part of the entropy bonus; 0..100
  // Weight of the entropy of the nodes' mean probabilities, over log(groups): keeps all groups in
  // use; 0..100.
  double usage = 0;

  bool operator==(const GroupingParameters&) const = default;
};

void describe(Settings& settings, GroupingParameters& parameters);

//   numbers  device and type of weights and features: float, or double for gradient checks
[[nodiscard]] std::unique_ptr<PolicyNetwork> make_hierarchical_policy(
    const Problem& problem, const GroupingParameters& grouping, const SequenceParameters& placer,
    std::uint64_t seed, const at::TensorOptions& numbers = at::kFloat);

}  // namespace placer::policy
