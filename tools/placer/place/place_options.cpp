#include "tools/placer/place/place_options.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/shipped_policy.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/place/search_space.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTensorboard = "--tensorboard";

std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

// The policy files that algorithms are to begin with.
std::vector<std::string*> policy_files(AlgorithmParameters& all) {
  std::vector<std::string*> files;
  for (auto& [algorithm, parameters] : all) {
    const auto policy = parameters.find("policy");
    if (policy == parameters.end()) continue;
    if (policy::is_policy_file(policy->second)) files.push_back(&policy->second);
  }
  return files;
}

// For all learners that were named. One that places unseen graphs needs no search to do so.
void add_policy(Config& config, const std::string& file, bool with_budget) {
  const AlgorithmRegistry registry = all_algorithms();
  bool any = false;
  for (const std::string& name : config.algorithms) {
    const AlgorithmEntry& entry = registry.find(name);
    if (!entry.learns) continue;
    any = true;
    config.parameters[name]["policy"] = file;
    if (!entry.transfers || with_budget) continue;
    config.parameters[name].emplace("zero_shot", "on");
    // It needs few evaluations: ops are not too many for them.
    if (!config.max_groups) config.max_groups = 0;
  }
  if (!any) throw usage_error("--policy: name the method that it is of with --algorithm");
}

// What learns unasked knows what others have learned before, unless it was told anything itself.
void add_shipped_policy(Config& config) {
  const AlgorithmRegistry registry = all_algorithms();
  const bool is_there = std::ranges::any_of(registry.entries(), [](const AlgorithmEntry& entry) {
    return entry.name == kLearner && entry.transfers;
  });
  const bool named = std::ranges::find(config.algorithms, kLearner) != config.algorithms.end();
  if (is_there && !named && config.objective == kStepTime) {
    config.parameters.try_emplace(kLearner, std::map<std::string, std::string>{
                                                {"policy", std::string(policy::kShippedPolicy)}});
  }
}

// For every learner with a network, named or not: a portfolio runs some too.
void set_policy_device(Config& config, const std::string& device) {
  const AlgorithmRegistry registry = all_algorithms();
  bool any = false;
  for (const AlgorithmEntry& entry : registry.entries()) {
    if (!entry.has_network) continue;
    any = true;
    config.parameters[entry.name]["device"] = device;
  }
  if (!any) throw usage_error("--policy-device: this build has no learner with a network");
}

}  // namespace

AlgorithmRegistry all_algorithms() {
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_learners(registry);
  return registry;
}

std::string left_out_text(const AlgorithmEntry& entry) {
  return fmt::format(
      "{} is left out: it takes at most {} nodes or groups, and --max-groups N makes N", entry.name,
      entry.most_units);
}

std::vector<std::string> searches_of(const AlgorithmRegistry& registry) {
  std::vector<std::string> names;
  for (const AlgorithmEntry& entry : registry.entries()) {
    if (entry.searches) {
      names.push_back(entry.name);
    }
  }
  return names;
}

void add_settings(AlgorithmParameters& parameters, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    const auto dot = setting.find('.');
    if (dot == std::string::npos || equals == std::string::npos || dot > equals) {
      throw usage_error("--set " + setting + ": expected ALGORITHM.NAME=VALUE");
    }
    parameters[setting.substr(0, dot)][setting.substr(dot + 1, equals - dot - 1)] =
        setting.substr(equals + 1);
  }
}

void check_policies(AlgorithmParameters& parameters) {
  for (std::string* path : policy_files(parameters)) {
    *path = absolute(*path);
    static_cast<void>(policy::read_checkpoint(*path));
  }
}

Config resolve(const PlaceOptions& options, const CLI::App& command) {
  const Config& flags = options.flags;
  Config config = flags;
  if (!options.config_file.empty()) {
    config = read_config(read_file(options.config_file), options.config_file);
    const fs::path folder = fs::path(options.config_file).parent_path();
    for (std::string* path : {&config.graph, &config.cluster, &config.weights}) {
      *path = path->empty() ? *path : (folder / *path).string();
    }
    for (std::string& path : config.initial) {
      path = (folder / path).string();
    }
    for (std::string* path : policy_files(config.parameters)) {
      *path = (folder / *path).string();
    }
    const auto override_with = [&](const char* flag, auto& value, const auto& given) {
      if (command.count(flag) > 0) {
        value = given;
      }
    };
    override_with("graph", config.graph, flags.graph);
    override_with("--cluster", config.cluster, flags.cluster);
    override_with("--output", config.output, flags.output);
    override_with("--algorithm", config.algorithms, flags.algorithms);
    override_with("--budget", config.budget, flags.budget);
    override_with("--objective", config.objective, flags.objective);
    override_with("--signal", config.signal, flags.signal);
    override_with("--seed", config.seed, flags.seed);
    override_with("--max-groups", config.max_groups, flags.max_groups);
    override_with("--init", config.initial, flags.initial);
    override_with("--weights", config.weights, flags.weights);
    override_with("--isolate", config.isolate, flags.isolate);
    override_with("--cuda-graphs", config.cuda_graphs, flags.cuda_graphs);
  }
  override_constraints(config.constraints, read_constraints(options.constraints));
  config.warm_start = config.warm_start && !options.no_warm_start;
  config.measure = config.measure && !options.no_measure;
  add_settings(config.parameters, options.settings);
  if (!options.policy.empty()) {
    add_policy(config, options.policy, command.count("--budget") > 0);
  }
  add_shipped_policy(config);
  if (!options.policy_device.empty()) {
    set_policy_device(config, options.policy_device);
  }
  config.graph = absolute(config.graph);
  config.cluster = absolute(config.cluster);
  config.output = absolute(config.output);
  config.weights = absolute(config.weights);
  for (std::string& path : config.initial) {
    path = absolute(path);
  }
  check_policies(config.parameters);
  return config;
}

bool is_zero_shot(const Config& config) {
  return !config.algorithms.empty() &&
         std::ranges::all_of(config.algorithms, [&](const auto& name) {
           const auto given = config.parameters.find(name);
           return given != config.parameters.end() && given->second.contains("zero_shot") &&
                  given->second.at("zero_shot") == "on";
         });
}

void require_alone(const CLI::App& command, const std::string& flag) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() > 0 && !option->check_name(flag) && !option->check_name(kTensorboard)) {
      throw usage_error(option->get_name() + " does not go with " + flag +
                        ": the run goes on as it was begun");
    }
  }
}

void add_place_flags(CLI::App& command, PlaceOptions& options) {
  Config& flags = options.flags;
  command.add_option("graph", flags.graph, "graph file, profiled (placer profile)");
  command.add_option("-c,--cluster", flags.cluster, "devices and links (placer devices)");
  command.add_option("-o,--output", flags.output, "placement file to write")->capture_default_str();
  command.add_option("--config", options.config_file, "experiment file; flags override it");
  command
      .add_option("--algorithm", flags.algorithms,
                  "NAME,...: searches to run beside the heuristics, of " +
                      fmt::format("{}", fmt::join(searches_of(all_algorithms()), ", ")) +
                      " [auto; for the step time learners too]")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--set", options.settings, "ALGORITHM.NAME=VALUE, a parameter of one")
      ->allow_extra_args(false);
  command.add_option("--policy", options.policy,
                     "trained policy of the learners named; with gnn and without --budget it "
                     "places at once, without search");
  command.add_option("--policy-device", options.policy_device,
                     "where learners' networks run: cpu, or cuda:0 for a GPU [cpu]");
  command
      .add_option("--budget", flags.budget,
                  "seconds for everything (60s, 10m) or evaluations of each search (2000)")
      ->capture_default_str();
  command
      .add_option("--objective", flags.objective,
                  "what is minimised: step-time, max-load, latency, peak-memory, a sum such as "
                  "step-time+0.2*peak-memory, or an order such as max-load,peak-memory")
      ->capture_default_str();
  command.add_option("--signal", flags.signal, "what learners see: simulated, measured or both")
      ->check(CLI::IsMember({"simulated", "measured", "both"}))
      ->capture_default_str();
  command.add_option("--seed", flags.seed, "of every search")
      ->check(whole_number())
      ->capture_default_str();
  command
      .add_option("--max-groups", flags.max_groups,
                  "groups of nodes that move together, 0: none [256 for the step time of 41 to "
                  "20,000 nodes, else none]")
      ->check(whole_number());
  command.add_flag("--no-warm-start", options.no_warm_start,
                   "searches do not start from the heuristics' placements");
  command.add_option("--init", flags.initial, "placement files to start from")
      ->allow_extra_args(false);
  add_constraint_flags(command, options.constraints);
  command.add_option("--weights", flags.weights, ".pt2 archive with the weights to run with");
  command.add_flag("--no-measure", options.no_measure, "choose by simulated time alone");
  command.add_flag("--isolate", flags.isolate,
                   "measure in a child process, so that a crash is an outcome");
  command.add_flag("--cuda-graphs", flags.cuda_graphs,
                   "launch measured steps as a whole where they are of one GPU");
  command.add_option("--run-dir", options.run_dir, "keep config, metrics and checkpoints here");
  command.add_option("--resume", options.resume, "go on with the run in this folder");
  command.add_option(kTensorboard, options.tensorboard,
                     "folder for TensorBoard event files, one curve a learner and metric");
}

}  // namespace placer::cli
