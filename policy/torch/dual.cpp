#include "policy/torch/dual.h"

#include "policy/torch/network_learner.h"
#include "policy/torch/policy_device.h"
#include "policy/torch/transferable.h"

namespace placer::policy {
namespace {

constexpr const char* kName = "dual";

// At this many, with 8 devices and the eight placements of an update, an evaluation takes 2.8 GB
// (measured): it keeps the features of all choices, and what their gradient needs.
constexpr std::size_t kMostNodes = 100'000;

class DualAlgorithm : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    DualMethod method = dual_defaults();
    const Settings settings = describe(method);
    settings.read(options.parameters);
    adopt_shape(settings, method.training.policy, kDualShape);
    return train_network(
        problem, options, kName, method.training, settings,
        [&](const Problem& of, std::uint64_t seed, const at::TensorOptions& numbers) {
          return make_dual_policy(of, method.network, seed, numbers);
        });
  }
};

}  // namespace

DualMethod dual_defaults() {
  DualMethod method;
  // Chosen on the graphs of tests/policy/learning_test.cpp and docs/dual.md, one setting for all.
  method.training.k = 4;
  method.training.lr = 0.01;
  method.training.entropy = 0.01;
  method.training.entropy_end = 0.01;
  method.training.warm_start = true;
  return method;
}

Settings describe(DualMethod& method) {
  Settings settings(kName);
  DualParameters& p = method.network;
  settings.add("width", p.width, 4, 1024);
  settings.add("layers", p.layers, 0, 16);
  settings.add("hidden", p.hidden, 1, 256);
  settings.add("urgency", p.urgency, 0, 1000);
  settings.add("greed", p.greed, 0, 1000);
  settings.add("thrift", p.thrift, 0, 1000);
  settings.add("packing", p.packing, 0, 1000);
  settings.add("temperature", p.temperature, 0.01, 1000);
  settings.add("rollouts", p.rollouts, 0, 1024);
  settings.add("zero_shot", method.training.zero_shot);
  describe(settings, method.training);
  describe_network(settings, method.training);
  return settings;
}

void register_dual(AlgorithmRegistry& registry) {
  registry.add({.name = kName,
                .description = "policy that orders and places as a list scheduler does (DOPPLER)",
                .searches = true,
                .make = [] { return std::make_unique<DualAlgorithm>(); },
                .check_parameters =
                    [](ParameterList given) {
                      DualMethod method = dual_defaults();
                      describe(method).read(given);
                      static_cast<void>(open_policy_device(method.training.device));
                    },
                .learns = true,
                .has_network = true,
                .transfers = true,
                .small_graphs_only = true,
                .most_units = kMostNodes});
}

}  // namespace placer::policy
