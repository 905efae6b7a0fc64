#include "policy/torch/dual.h"

#include "policy/torch/network_learner.h"

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
    Settings settings(kName);
    describe(settings, method);
    settings.read(options.parameters);
    return train_network(problem, options, kName, method.training, settings,
                         [&](const Problem& of, std::uint64_t seed) {
                           return make_dual_policy(of, method.network, seed);
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

void describe(Settings& settings, DualMethod& method) {
  DualParameters& p = method.network;
  settings.add("width", p.width, 4, 1024);
  settings.add("layers", p.layers, 0, 16);
  settings.add("hidden", p.hidden, 1, 256);
  settings.add("urgency", p.urgency, 0, 1000);
  settings.add("greed", p.greed, 0, 1000);
  settings.add("temperature", p.temperature, 0.01, 1000);
  describe(settings, method.training);
}

void register_dual(AlgorithmRegistry& registry) {
  registry.add({.name = kName,
                .description = "policy that orders and places as a list scheduler does (DOPPLER)",
                .searches = true,
                .make = [] { return std::make_unique<DualAlgorithm>(); },
                .check_parameters =
                    [](ParameterList given) {
                      DualMethod method = dual_defaults();
                      Settings settings(kName);
                      describe(settings, method);
                      settings.read(given);
                    },
                .learns = true,
                .small_graphs_only = true,
                .most_units = kMostNodes});
}

}  // namespace placer::policy
