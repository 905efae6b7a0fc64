#pragma once

// Methods whose weights fit every graph and cluster.

#include <span>
#include <string>
#include <string_view>
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

// A method and weights of it, which are nobody's network's.
struct TransferablePolicy {
  TransferableMethod method;
  std::vector<NamedTensor> weights;
};

// With the weights of the checkpoint that the method's setting `policy` names, else fresh ones; the
// setting is then cleared.
//   any     a problem, whichever: names and shapes of weights do not depend on it
//   throws  Error(kBadInput) for a checkpoint that is damaged or of another method
[[nodiscard]] TransferablePolicy transferable_policy(const TransferableMethod& method,
                                                     const Problem& any, std::uint64_t seed);

// Reads the settings called `names`, the shape of a network, from the checkpoint `policy`, if there
// is one: the weights to start from may be of another shape than the defaults.
void adopt_shape(const Settings& settings, const std::string& policy,
                 std::span<const std::string_view> names);

}  // namespace placer::policy
