#pragma once

// The learned algorithms: policies trained by reinforcement. LibTorch stays behind this header.

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Adds "colocrl" and "ppo".
void register_policies(AlgorithmRegistry& registry);

}  // namespace placer::policy
