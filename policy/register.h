#pragma once

// The learned algorithms: policies trained by reinforcement. LibTorch stays behind this header.

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Adds "colocrl", "ppo", "hdp", "dual", "gnn" and those of core_register.h.
void register_policies(AlgorithmRegistry& registry);

}  // namespace placer::policy
