#include "policy/torch/colocrl.h"

#include "policy/torch/network_learner.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/sequence_policy.h"

namespace placer::policy {
namespace {

// Sampled placements attend over all groups for each group: memory grows with their square. At this
// many, twelve placements at once take 0.2 GB for each such table.
constexpr std::size_t kMostGroups = 2'048;

Settings settings_of(const std::string& name, SequenceMethod& method) {
  Settings settings(name);
  describe(settings, method.network);
  describe(settings, method.network.first);
  describe(settings, method.training, /*predicts=*/true);
  describe_network(settings, method.training);
  describe_refining(settings, method.training);
  return settings;
}

class SequenceAlgorithm : public Algorithm {
 public:
  SequenceAlgorithm(std::string name, SequenceMethod defaults)
      : name_(std::move(name)), defaults_(std::move(defaults)) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    SequenceMethod method = defaults_;
    const Settings settings = settings_of(name_, method);
    settings.read(options.parameters);
    return train_network(
        problem, options, name_, method.training, settings,
        [&](const Problem& of, std::uint64_t seed, const at::TensorOptions& numbers) {
          return make_sequence_policy(of, method.network, seed, numbers);
        });
  }

 private:
  std::string name_;
  SequenceMethod defaults_;
};

void add(AlgorithmRegistry& registry, const std::string& name, const std::string& description,
         const SequenceMethod& defaults) {
  registry.add_for_small_graphs(
      {.name = name,
       .description = description,
       .searches = true,
       .make = [=] { return std::make_unique<SequenceAlgorithm>(name, defaults); },
       .check_parameters =
           [=](ParameterList given) {
             SequenceMethod method = defaults;
             settings_of(name, method).read(given);
             static_cast<void>(open_policy_device(method.training.device));
           },
       .learns = true,
       .has_network = true,
       .most_units = kMostGroups});
}

}  // namespace

SequenceMethod colocrl_defaults() {
  return {};
}

SequenceMethod ppo_defaults() {
  SequenceMethod method;
  method.training.loss = Loss::kPpo;
  // Chosen where colocrl's were, for few evaluations (docs/colocrl.md).
  method.network.first = {.runs = 2, .packing = 1};
  method.training.k = 4;
  method.training.kl = 0.1;
  return method;
}

void register_sequence_methods(AlgorithmRegistry& registry) {
  add(registry, "colocrl", "sequence-to-sequence policy trained with REINFORCE (ICML 2017)",
      colocrl_defaults());
  add(registry, "ppo", "the same policy trained with proximal policy optimisation", ppo_defaults());
}

}  // namespace placer::policy
