#pragma once

// What learns with a network: the policy gradient or PPO on its decisions, steps of Adam.

#include <functional>
#include <memory>

#include "policy/torch/policy_gradient.h"
#include "policy/torch/policy_network.h"
#include "policy/trainer.h"

namespace placer::policy {

// Steps of Adam; or, with `sum`, no steps: gradients are added to it, and the weights stay.
[[nodiscard]] std::unique_ptr<Learner> make_network_learner(std::unique_ptr<PolicyNetwork> network,
                                                            const TrainingParameters& parameters,
                                                            GradientSum* sum = nullptr);

//   numbers  device and type of the network
using MakeNetwork = std::function<std::unique_ptr<PolicyNetwork>(const Problem&, std::uint64_t seed,
                                                                 const at::TensorOptions& numbers)>;

// train() with a learner around the network that `make` builds on training.device, LibTorch on one
// thread.
//   settings  every one of the method
[[nodiscard]] SearchResult train_network(const Problem& problem, const SearchOptions& options,
                                         std::string name, const TrainingParameters& training,
                                         const Settings& settings, const MakeNetwork& make);

}  // namespace placer::policy
