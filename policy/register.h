#pragma once

// The learned algorithms: policy networks trained by reinforcement. LibTorch stays behind this
// header.

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Adds "colocrl": the sequence-to-sequence policy of Mirhoseini et al., ICML 2017, trained with
// REINFORCE.
void register_policies(AlgorithmRegistry& registry);

}  // namespace placer::policy
