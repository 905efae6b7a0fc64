#pragma once

// The hierarchical policy trained by REINFORCE ("hdp", Mirhoseini et al., ICLR 2018).

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"
#include "policy/torch/hierarchical_policy.h"

namespace placer::policy {

struct HdpMethod {
  GroupingParameters grouping;
  SequenceParameters network;  // the placer
  TrainingParameters training;
};
[[nodiscard]] HdpMethod hdp_defaults();
// Binds its settings, in the order of documents.
[[nodiscard]] Settings settings_of(HdpMethod& method);

void register_hdp(AlgorithmRegistry& registry);

}  // namespace placer::policy
