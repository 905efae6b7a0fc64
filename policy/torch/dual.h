#pragma once

// The policy of dual_policy.h in the training loop ("dual", after DOPPLER, arXiv 2505.23131).

#include <array>
#include <string_view>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/dual_policy.h"

namespace placer::policy {

struct DualMethod {
  DualParameters network;
  TrainingParameters training;
};
[[nodiscard]] DualMethod dual_defaults();
// The settings that are the shape of its network: adopt_shape().
inline constexpr std::array<std::string_view, 3> kDualShape{"width", "layers", "hidden"};
// All settings of the method, bound to its fields.
[[nodiscard]] Settings describe(DualMethod& method);

void register_dual(AlgorithmRegistry& registry);

}  // namespace placer::policy
