// placer place: search, measure the finalists, choose.

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/algorithm/expanding_evaluator.h"
#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/explain/memory_fit.h"
#include "placer/formats/formats.h"
#include "tools/placer/constraint_flags.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/place/finalists.h"
#include "tools/placer/place/report.h"
#include "tools/placer/place/run_directory.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

namespace fs = std::filesystem;

// How a budget in seconds is shared out when steps are measured: finalists, and of the rest
// searching in the simulator before learning from measured steps.
constexpr double kFinalistShare = 0.45;
constexpr double kSimulatedPart = 0.55;
constexpr double kFinalistSeconds = 60;  // when the budget counts evaluations

struct PlaceOptions {
  Config flags;  // what the flags said
  ConstraintFlags constraints;
  std::string config_file;
  std::string run_dir;
  std::string resume;
  std::vector<std::string> settings;  // "algorithm.name=value"
  bool no_warm_start = false;
  bool no_measure = false;
};

void add_settings(Config& config, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    const auto dot = setting.find('.');
    if (dot == std::string::npos || equals == std::string::npos || dot > equals) {
      throw usage_error("--set " + setting + ": expected ALGORITHM.NAME=VALUE");
    }
    config.parameters[setting.substr(0, dot)][setting.substr(dot + 1, equals - dot - 1)] =
        setting.substr(equals + 1);
  }
}

AlgorithmRegistry all_algorithms() {
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_learners(registry);
  return registry;
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

// The parts of a run, in the order in which they come.
class PlaceCommand {
 public:
  // Reads and checks everything that can be checked before the work begins.
  PlaceCommand(Config config, const Shared& shared)
      : config_(std::move(config)),
        shared_(shared),
        budget_(parse_budget(config_.budget)),
        workload_(load_graph(config_.graph)),
        cluster_(load_cluster(config_.cluster)),
        space_(workload_, cluster_, config_.constraints, config_.max_groups) {
    for (const std::string& name : config_.algorithms) {
      static_cast<void>(registry_.find(name));
    }
    for (const auto& [name, parameters] : config_.parameters) {
      registry_.check_parameters(name, parameters_of(config_, name));
    }
    require_writable(config_.output, {config_.graph, config_.cluster, config_.weights});
    not_measured_ =
        config_.measure ? cannot_measure(workload_.graph, cluster_) : "--no-measure was given";
    if (config_.signal != "simulated" && !not_measured_.empty()) {
      if (config_.signal == "measured") {
        throw usage_error("--signal measured: " + not_measured_);
      }
      config_.signal = "simulated";
    }
  }

  int run(RunDirectory run) {
    run_ = std::move(run);
    before();
    const SearchPlan plan = make_plan();
    candidates_ = propose(space_, registry_, plan, config_, run_, shared_);
    drop_infeasible();
    if (config_.signal != "simulated") {
      learn_from_steps();
      drop_infeasible();
    }
    if (candidates_.empty()) {
      throw Error(ErrorKind::kInfeasible, "no feasible placement was found; of the least bad: " +
                                              least_bad_.infeasible->text);
    }
    const auto scaling = device_scaling(space_, registry_, config_.seed, shared_);
    const Choice choice = choose();
    write(choice);
    const PlaceReport report{.space = space_,
                             .candidates = candidates_,
                             .choice = choice,
                             .scaling = scaling,
                             .not_measured = not_measured_,
                             .stopped = shared_.stop.stop_requested(),
                             .output = config_.output};
    std::cout << (shared_.json ? report_json(report) : report_text(report));
    return 0;
  }

 private:
  void before() const {
    const Graph& graph = workload_.graph;
    shared_.note(fmt::format("{}: {} nodes in {} groups on {} devices", graph.info().name,
                             graph.size(), space_.grouping().num_groups, cluster_.size()));
    for (const std::string& line : foreign_profiles(workload_.times)) {
      shared_.warn(line);
    }
    if (config_.measure && !not_measured_.empty()) {
      shared_.warn("choosing by simulated time alone: " + not_measured_);
    }
    shared_.note(fit_text(space_));
    const std::string short_of = certainly_infeasible(space_.costs(), space_.constraints());
    if (!short_of.empty()) {
      throw Error(ErrorKind::kInfeasible, "no feasible placement: " + short_of);
    }
  }

  [[nodiscard]] std::vector<std::string> searching() const {
    if (config_.algorithms.empty()) {
      return searches_of(registry_);
    }
    std::vector<std::string> chosen = config_.algorithms;
    std::erase_if(chosen, [&](const std::string& name) { return !registry_.find(name).searches; });
    return chosen;
  }

  [[nodiscard]] static bool is_learner(const std::string& name) { return name == "colocrl"; }

  // Learners whose reward is measured steps.
  [[nodiscard]] std::vector<std::string> learning_from_steps() const {
    std::vector<std::string> learners = searching();
    std::erase_if(learners, [&](const std::string& name) {
      return config_.signal == "simulated" || !is_learner(name);
    });
    return learners;
  }

  // With --signal measured learners see measured steps only; what does not learn still searches in
  // the simulator.
  [[nodiscard]] std::vector<std::string> searching_in_simulator() const {
    std::vector<std::string> names = searching();
    if (config_.signal == "measured") {
      std::erase_if(names, is_learner);
    }
    return names;
  }

  // What each part gets of a budget in seconds; a part that does not take place leaves its share.
  struct Shares {
    double simulated = 0;
    double steps = 0;
    double finalists = 0;
  };
  [[nodiscard]] Shares shares() const {
    Shares shares{.finalists = not_measured_.empty() ? kFinalistShare : 0};
    const double rest = 1 - shares.finalists;
    if (learning_from_steps().empty()) {
      shares.simulated = rest;
    } else if (searching_in_simulator().empty()) {
      shares.steps = rest;
    } else {
      shares.simulated = rest * kSimulatedPart;
      shares.steps = rest - shares.simulated;
    }
    return shares;
  }

  [[nodiscard]] SearchPlan make_plan() const {
    SearchPlan plan;
    plan.seed = config_.seed;
    plan.warm_start = config_.warm_start;
    plan.searching = searching_in_simulator();
    plan.each.evaluations = budget_.evaluations;
    if (budget_.seconds && !plan.searching.empty()) {
      plan.each.seconds =
          *budget_.seconds * shares().simulated / static_cast<double>(plan.searching.size());
    }
    for (const std::string& file : config_.initial) {
      plan.initial.push_back(
          bind_placement(read_placement(read_file(file), file), workload_.graph, cluster_, file));
    }
    return plan;
  }

  StepBench& bench() {
    if (!bench_) {
      StepBenchOptions options;
      options.executor.seed = config_.seed;
      options.executor.weights = config_.weights;
      options.executor.memory_limit = space_.constraints().memory_limit;
      if (config_.isolate) {
        options.isolated_graph_file = config_.graph;
        options.isolated_cluster_file = config_.cluster;
      }
      bench_ = open_bench(space_.costs(), options);
    }
    return *bench_;
  }

  // Learners go on with measured steps as their reward, under the name NAME+steps, from the best
  // placements so far.
  void learn_from_steps() {
    const std::vector<std::string> learners = learning_from_steps();
    for (const std::string& name : learners) {
      if (shared_.stop.stop_requested()) {
        return;
      }
      const auto steps = bench().evaluator({});
      const auto expanding = make_expanding_evaluator(*steps, space_.grouping());
      SearchOptions options;
      options.seed = config_.seed;
      options.stop = shared_.stop.get_token();
      options.progress = shared_.progress();
      options.budget.evaluations = budget_.evaluations;
      if (budget_.seconds) {
        options.budget.seconds =
            *budget_.seconds * shares().steps / static_cast<double>(learners.size());
      }
      const std::string label = config_.signal == "measured" ? name : name + "+steps";
      options.checkpoint = run_.checkpoint(label);
      options.metrics = [&](const std::string& json) { run_.add_metrics(label, json); };
      options.parameters = parameters_of(config_, name);
      if (config_.signal == "both") {
        options.initial = best_by_simulation();
        // The policy that the simulator has taught goes on.
        if (const std::string taught = run_.checkpoint(name); fs::exists(taught)) {
          std::erase_if(options.parameters,
                        [](const auto& given) { return given.first == "policy"; });
          options.parameters.emplace_back("policy", taught);
        }
      }
      candidates_.push_back(run_algorithm(space_, *registry_.find(name).make(), label,
                                          space_.judged_by(*expanding), options));
      tell(candidates_.back(), shared_);
      candidates_.back().searched = true;
    }
  }

  // The best few placements of groups so far.
  [[nodiscard]] std::vector<Placement> best_by_simulation() const {
    constexpr std::size_t kMost = 4;
    std::vector<const Candidate*> order;
    for (const Candidate& candidate : candidates_) {
      order.push_back(&candidate);
    }
    std::stable_sort(order.begin(), order.end(), [](const Candidate* a, const Candidate* b) {
      return better(a->simulated, b->simulated);
    });
    std::vector<Placement> best;
    for (std::size_t i = 0; i < std::min(kMost, order.size()); ++i) {
      best.push_back(space_.to_groups(order[i]->placement));
    }
    return best;
  }

  // Nothing that does not fit can be chosen; the least bad says why.
  void drop_infeasible() {
    std::erase_if(candidates_, [&](const Candidate& candidate) {
      const Outcome& outcome = candidate.simulated;
      if (!outcome.feasible() && (least_bad_.feasible() || better(outcome, least_bad_))) {
        least_bad_ = outcome;
      }
      return !outcome.feasible();
    });
  }

  Choice choose() {
    if (!not_measured_.empty() || shared_.stop.stop_requested()) {
      return choose_by_simulation(candidates_);
    }
    // Whatever happens while measuring, what was found is not lost.
    write(choose_by_simulation(candidates_));
    FinalistOptions options;
    options.seconds = budget_.seconds ? *budget_.seconds * shares().finalists : kFinalistSeconds;
    return choose_by_measurement(candidates_, bench(), options, shared_);
  }

  void write(const Choice& choice) const {
    const Candidate& winner = candidates_[choice.winner];
    Provenance provenance;
    provenance.algorithm = winner.algorithm;
    provenance.seed = config_.seed;
    provenance.command = shared_.command_line;
    provenance.tool = tool_name();
    provenance.date = now_iso();
    provenance.evaluations = winner.evaluations;
    provenance.predicted_us = winner.simulated.step_time.microseconds();
    provenance.predicted_peak_memory = winner.simulated.peak_memory;
    const auto& measured = choice.after_choosing ? choice.after_choosing : choice.of[choice.winner];
    if (measured && !measured->seconds.empty()) {
      provenance.measured = measured->summary();
    }
    const PlacementFile file =
        to_file(workload_.graph, cluster_, winner.placement, std::move(provenance));
    write_file(config_.output, write_placement(file));
    run_.keep_best(file);
  }

  Config config_;
  RunDirectory run_;
  const Shared& shared_;
  Budget budget_;
  Workload workload_;
  Cluster cluster_;
  SearchSpace space_;
  const AlgorithmRegistry registry_ = all_algorithms();
  std::string not_measured_;
  std::unique_ptr<StepBench> bench_;
  std::vector<Candidate> candidates_;
  Outcome least_bad_;  // of those that cannot run, once there is one
};

std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

// The experiment file under the flags that were given. Paths become absolute, so that a run can be
// resumed from anywhere.
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
    override_with("--signal", config.signal, flags.signal);
    override_with("--seed", config.seed, flags.seed);
    override_with("--max-groups", config.max_groups, flags.max_groups);
    override_with("--init", config.initial, flags.initial);
    override_with("--weights", config.weights, flags.weights);
    override_with("--isolate", config.isolate, flags.isolate);
  }
  override_constraints(config.constraints, read_constraints(options.constraints));
  config.warm_start = config.warm_start && !options.no_warm_start;
  config.measure = config.measure && !options.no_measure;
  add_settings(config, options.settings);
  config.graph = absolute(config.graph);
  config.cluster = absolute(config.cluster);
  config.output = absolute(config.output);
  config.weights = absolute(config.weights);
  for (std::string& path : config.initial) {
    path = absolute(path);
  }
  return config;
}

// A run that goes on has its options already.
void require_alone(const CLI::App& command, const std::string& flag) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() > 0 && !option->check_name(flag)) {
      throw usage_error(option->get_name() + " does not go with " + flag +
                        ": the run goes on as it was begun");
    }
  }
}

}  // namespace

void add_place(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("place", "choose a device for every node of a graph");
  command->footer(
      "Example: placer place graph.json -c cluster.json --budget 60s -o placement.json");
  auto options = std::make_shared<PlaceOptions>();
  Config& flags = options->flags;
  command->add_option("graph", flags.graph, "graph file, profiled (placer profile)");
  command->add_option("-c,--cluster", flags.cluster, "devices and links (placer devices)");
  command->add_option("-o,--output", flags.output, "placement file to write")
      ->capture_default_str();
  command->add_option("--config", options->config_file, "experiment file; flags override it");
  command
      ->add_option("--algorithm", flags.algorithms,
                   "NAME,...: searches to run beside the heuristics, of " +
                       fmt::format("{}", fmt::join(searches_of(all_algorithms()), ", ")) + " [all]")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--set", options->settings, "ALGORITHM.NAME=VALUE, a parameter of one")
      ->allow_extra_args(false);
  command
      ->add_option("--budget", flags.budget,
                   "seconds for everything (60s, 10m) or evaluations of each search (2000)")
      ->capture_default_str();
  command->add_option("--signal", flags.signal, "what learners see: simulated, measured or both")
      ->check(CLI::IsMember({"simulated", "measured", "both"}))
      ->capture_default_str();
  command->add_option("--seed", flags.seed, "of every search")
      ->check(whole_number())
      ->capture_default_str();
  command->add_option("--max-groups", flags.max_groups, "groups of nodes that move together")
      ->check(whole_number(1))
      ->capture_default_str();
  command->add_flag("--no-warm-start", options->no_warm_start,
                    "searches do not start from the heuristics' placements");
  command->add_option("--init", flags.initial, "placement files to start from")
      ->allow_extra_args(false);
  add_constraint_flags(*command, options->constraints);
  command->add_option("--weights", flags.weights, ".pt2 archive with the weights to run with");
  command->add_flag("--no-measure", options->no_measure, "choose by simulated time alone");
  command->add_flag("--isolate", flags.isolate,
                    "measure in a child process, so that a crash is an outcome");
  command->add_option("--run-dir", options->run_dir, "keep config, metrics and checkpoints here");
  command->add_option("--resume", options->resume, "go on with the run in this folder");
  command->callback([options, command, &shared] {
    shared.action = [options, command, &shared] {
      RunDirectory run;
      Config config = resolve(*options, *command);
      if (!options->resume.empty()) {
        require_alone(*command, "--resume");
        run = RunDirectory::open(options->resume);
        config = run.config();
      } else {
        if (config.graph.empty() || config.cluster.empty()) {
          throw usage_error("expected a graph and -c CLUSTER (placer place --help)");
        }
      }
      PlaceCommand place(config, shared);
      if (options->resume.empty() && !options->run_dir.empty()) {
        run = RunDirectory::create(options->run_dir, config, shared.command_line);
      }
      return place.run(std::move(run));
    };
  });
}

}  // namespace placer::cli
