#pragma once

// What learns with a network: the policy gradient or PPO on its decisions, steps of Adam.

#include <functional>
#include <memory>

#include "policy/torch/joint_optimizer.h"
#include "policy/torch/policy_network.h"
#include "policy/trainer.h"

namespace placer::policy {

//   seat  at the optimizer that it shares with others, whose weights it starts from; null: steps
//         of Adam of its own
[[nodiscard]] std::unique_ptr<Learner> make_network_learner(std::unique_ptr<PolicyNetwork> network,
                                                            const TrainingParameters& parameters,
                                                            JointOptimizer::Seat* seat = nullptr);

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
