#include "policy/torch/hdp.h"

#include "policy/torch/network_learner.h"
#include "policy/torch/policy_device.h"

namespace placer::policy {
namespace {

constexpr const char* kName = "hdp";
// 18 KB for each, of a grouper's tables over 256 groups: 1.8 GB for 100,000.
constexpr std::size_t kMostNodes = 200'000;

class Hdp : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    HdpMethod method = hdp_defaults();
    const Settings settings = settings_of(method);
    settings.read(options.parameters);
    return train_network(
        problem, options, kName, method.training, settings,
        [&](const Problem& of, std::uint64_t seed, const at::TensorOptions& numbers) {
          return make_hierarchical_policy(of, method.grouping, method.network, seed, numbers);
        });
  }
};

}  // namespace

// Measured: docs/hdp.md.
HdpMethod hdp_defaults() {
  HdpMethod method;
  method.network.first = {.runs = 2, .packing = 1};
  method.training.lr = 0.01;
  method.training.entropy = 0.003;
  method.training.entropy_end = 0.003;
  method.training.baseline_from_failing = false;
  method.training.elites = 2;
  method.training.restart_after = 1000;
  return method;
}

Settings settings_of(HdpMethod& method) {
  Settings settings(kName);
  describe(settings, method.grouping);
  describe(settings, method.network);
  describe(settings, method.network.first);
  describe(settings, method.training, /*predicts=*/true);
  describe_network(settings, method.training);
  return settings;
}

void register_hdp(AlgorithmRegistry& registry) {
  registry.add({.name = kName,
                .description = "grouper and placer learned together (ICLR 2018)",
                .searches = true,
                .make = [] { return std::make_unique<Hdp>(); },
                .check_parameters =
                    [](ParameterList given) {
                      HdpMethod method = hdp_defaults();
                      settings_of(method).read(given);
                      static_cast<void>(open_policy_device(method.training.device));
                    },
                .learns = true,
                .has_network = true,
                .small_graphs_only = true,
                .most_units = kMostNodes});
}

}  // namespace placer::policy
