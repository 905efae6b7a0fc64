#pragma once

// The policy of dual_policy.h in the training loop ("dual", after DOPPLER, arXiv 2505.23131).

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/dual_policy.h"

namespace placer::policy {

struct DualMethod {
  DualParameters network;
  TrainingParameters training;
};
[[nodiscard]] DualMethod dual_defaults();
// All settings of the method, bound to its fields.
[[nodiscard]] Settings describe(DualMethod& method);

void register_dual(AlgorithmRegistry& registry);

}  // namespace placer::policy
