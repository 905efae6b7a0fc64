#pragma once

// Methods whose weights fit every graph and cluster.

#include <string>
#include <utility>
#include <vector>

#include "policy/torch/network_learner.h"

namespace placer::policy {

struct TransferableMethod {
  std::string name;
  TrainingParameters training;
  std::vector<std::pair<std::string, std::string>> settings;  // every one of the method
  MakeNetwork make;
};

// The method with its settings for learning from many problems, and what of them was given.
//   throws  Error(kUsage) for a method that does not transfer, and as Settings::read()
[[nodiscard]] TransferableMethod transferable_method(const std::string& name, ParameterList given);

// Reads the settings called `names`, the shape of a network, from the checkpoint `policy`, if there
// is one: the weights to start from may be of another shape than the defaults.
void adopt_shape(const Settings& settings, const std::string& policy,
                 std::initializer_list<std::string_view> names);

}  // namespace placer::policy
