#pragma once

// The learned algorithms that need no LibTorch.

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Adds "guided" and "post".
void register_core_policies(AlgorithmRegistry& registry);

}  // namespace placer::policy
