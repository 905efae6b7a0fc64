#include "policy/guided.h"

#include "policy/trainer.h"

namespace placer::policy {
namespace {

constexpr const char* kGuided = "guided";

class Guided : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    GuidedMethod method = guided_defaults();
    const Settings settings = settings_of(method);
    settings.read(options.parameters);
    return train(problem, options,
                 {.name = kGuided,
                  .training = method.training,
                  .settings = settings.list(),
                  .make = [&](const Problem& of, std::uint64_t) {
                    return make_categorical_learner(of, method.policy);
                  }});
  }
};

}  // namespace

// Measured: docs/guided.md.
GuidedMethod guided_defaults() {
  GuidedMethod method;
  method.training.k = 1;
  method.training.elites = 1;
  method.training.restart_after = 0;
  method.training.baseline_from_failing = false;
  method.training.warm_start = true;
  method.training.refine = 0.6;
  method.training.refine_moves = 2;
  method.training.refine_accept = 0.1;
  method.training.refine_temperature = 0.005;
  return method;
}

Settings settings_of(GuidedMethod& method) {
  Settings settings(kGuided);
  settings.add("rate", method.policy.rate, 1e-6, 1);
  settings.add("floor", method.policy.floor, 0, 1);
  describe(settings, method.training);
  describe_refining(settings, method.training);
  return settings;
}

void register_guided(AlgorithmRegistry& registry) {
  registry.add({.name = kGuided,
                .description = "a policy proposes, annealing refines and teaches it",
                .searches = true,
                .make = [] { return std::make_unique<Guided>(); },
                .check_parameters =
                    [](ParameterList given) {
                      GuidedMethod method = guided_defaults();
                      settings_of(method).read(given);
                    },
                .learns = true,
                .small_graphs_only = true});
}

}  // namespace placer::policy
