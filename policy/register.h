#pragma once

// The learned algorithms: policy networks trained by reinforcement. LibTorch stays behind this
// header.

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Sampled placements attend over all groups for each group: memory grows with their square. At this
// many, twelve placements at once take 0.2 GB for each such table.
inline constexpr std::size_t kMostGroups = 2'048;

// Adds "colocrl": the sequence-to-sequence policy of Mirhoseini et al., ICML 2017, trained with
// REINFORCE.
void register_policies(AlgorithmRegistry& registry);

}  // namespace placer::policy
