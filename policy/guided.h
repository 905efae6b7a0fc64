#pragma once

// Policy-guided search ("guided"): a policy proposes, annealing refines, what it improves teaches
// the policy.

#include "placer/algorithm/algorithm.h"
#include "policy/categorical_learner.h"
#include "policy/parameters.h"

namespace placer::policy {

struct GuidedMethod {
  CategoricalParameters policy;
  TrainingParameters training;
};
[[nodiscard]] GuidedMethod guided_defaults();
// Binds its settings, in the order of documents.
[[nodiscard]] Settings settings_of(GuidedMethod& method);

void register_guided(AlgorithmRegistry& registry);

}  // namespace placer::policy
