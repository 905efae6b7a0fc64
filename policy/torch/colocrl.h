#pragma once

// The sequence-to-sequence policy trained by REINFORCE ("colocrl", Mirhoseini et al., ICML 2017)
// and by PPO ("ppo", as Gao, Chen, Li: Spotlight, ICML 2018, trains its policy).

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"

namespace placer::policy {

// The settings of each, with its defaults.
struct SequenceMethod {
  SequenceParameters network;
  TrainingParameters training;
};
[[nodiscard]] SequenceMethod colocrl_defaults();
[[nodiscard]] SequenceMethod ppo_defaults();

void register_sequence_methods(AlgorithmRegistry& registry);

}  // namespace placer::policy
