// For builds without LibTorch (preset core): nothing runs, and every command that would says so.

#include <fmt/format.h>

#include "placer/base/error.h"
#include "policy/core_register.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

constexpr const char* kMissing = "this build of placer has no LibTorch";

void add_unavailable(CLI::App& app, Shared& shared, const std::string& name,
                     const std::string& description) {
  CLI::App* command = app.add_subcommand(name, description + " (not in this build: no LibTorch)");
  command->allow_extras();
  command->callback([&shared, name] {
    shared.action = [name]() -> int {
      throw usage_error(fmt::format("placer {}: {}; build the preset `release` (CONTRIBUTING.md)",
                                    name, kMissing));
    };
  });
}

}  // namespace

void prepare_process(char** /*argv*/) {}

void register_learners(AlgorithmRegistry& registry) {
  policy::register_core_policies(registry);
}

std::string cannot_measure(const Graph& /*graph*/, const Cluster& /*cluster*/) {
  return kMissing;
}

std::vector<std::string> foreign_profiles(const OpTimes& /*times*/) {
  return {};
}

std::unique_ptr<StepBench> open_bench(const CostModel& /*costs*/,
                                      const StepBenchOptions& /*options*/) {
  throw usage_error(kMissing);
}

void add_devices(CLI::App& app, Shared& shared) {
  add_unavailable(app, shared, "devices", "what is in this machine, measured");
}
void add_profile(CLI::App& app, Shared& shared) {
  add_unavailable(app, shared, "profile", "measure every op of a graph");
}
void add_measure(CLI::App& app, Shared& shared) {
  add_unavailable(app, shared, "measure", "measure placements against each other");
}
void add_train(CLI::App& app, Shared& shared) {
  add_unavailable(app, shared, "train", "train a policy over many graphs, to place others");
}
void add_worker(CLI::App& app, Shared& shared) {
  add_unavailable(app, shared, "worker", "measure placements for another process");
}

}  // namespace placer::cli
