// placer place: search, measure the finalists, choose.

#include <algorithm>
#include <filesystem>
#include <future>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/algorithm/expanding_evaluator.h"
#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/evaluate/pooling_evaluator.h"
#include "placer/explain/memory_fit.h"
#include "placer/formats/formats.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/place/finalists.h"
#include "tools/placer/place/objective_text.h"
#include "tools/placer/place/place_options.h"
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
// Of the same budget, for predicting with fewer devices; and when it counts evaluations.
constexpr double kScalingShare = 0.05;
constexpr double kScalingSeconds = 60;

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
        space_(workload_, cluster_, config_.constraints,
               {.objective = config_.objective, .max_groups = config_.max_groups}) {
    not_measured_ = why_not_measured();  // first: it loads what GPUs need before LibTorch is used
    for (const std::string& name : config_.algorithms) {
      registry_.require_fitting(name, space_.size());
    }
    for (const auto& [name, parameters] : config_.parameters) {
      registry_.check_parameters(name, parameters_of(config_.parameters, name));
    }
    require_writable(config_.output, {config_.graph, config_.cluster, config_.weights});
    if (config_.signal != "simulated" && !not_measured_.empty()) {
      if (config_.signal == "measured") {
        const bool wanted = config_.measure && by_step_time();
        throw Error(wanted ? ErrorKind::kDevice : ErrorKind::kUsage,
                    "--signal measured: " + not_measured_);
      }
      config_.signal = "simulated";
    }
  }

  int run(RunDirectory run) {
    run_ = std::move(run);
    before();
    const SearchPlan plan = make_plan();
    auto bound = std::async(std::launch::async, [this] { return bound_of(space_); });
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
    const auto scaling =
        by_step_time() && !is_zero_shot(config_) ? scale() : std::vector<std::optional<SimTime>>{};
    const Choice choice = choose();
    write(choice);
    const PlaceReport report{.space = space_,
                             .candidates = candidates_,
                             .choice = choice,
                             .scaling = scaling,
                             .bound = best_bound(bound.get(), candidates_),
                             .not_measured = not_measured_,
                             .stopped = shared_.stop.stop_requested(),
                             .output = config_.output};
    std::cout << (shared_.json ? report_json(report) : report_text(report)) << std::flush;
    if (config_.cuda_graphs && not_measured_.empty() && !shared_.stop.stop_requested()) {
      tell_launches(candidates_[choice.winner].placement);
    }
    return 0;
  }

 private:
  [[nodiscard]] bool by_step_time() const { return config_.objective == kStepTime; }

  // Why the finalists are not run; empty: they are. Steps are measured, nothing else.
  [[nodiscard]] std::string why_not_measured() const {
    if (!by_step_time()) {
      return "the objective is " + config_.objective;
    }
    return config_.measure ? cannot_measure(workload_.graph, cluster_) : "--no-measure was given";
  }

  void before() const {
    const Graph& graph = workload_.graph;
    const std::size_t searched = space_.size();
    shared_.note(
        fmt::format("{}: {} nodes{} on {} devices", graph.info().name, graph.size(),
                    space_.grouping() == nullptr ? "" : fmt::format(" in {} groups", searched),
                    cluster_.size()));
    for (const std::string& line : foreign_profiles(workload_.times)) {
      shared_.warn(line);
    }
    if (config_.measure && by_step_time() && !not_measured_.empty()) {
      shared_.warn("choosing by simulated time alone: " + not_measured_);
    }
    if (config_.cuda_graphs && !not_measured_.empty()) {
      shared_.warn("--cuda-graphs is of no use: no step is run");
    }
    for (const std::string& name : searches_of(registry_)) {
      if (config_.algorithms.empty() && by_step_time() && !takes_all(name)) {
        shared_.note(left_out_text(registry_.find(name)));
      }
    }
    shared_.note(fit_text(space_));
    const std::string short_of = certainly_infeasible(space_.costs(), space_.constraints());
    if (!short_of.empty()) {
      throw Error(ErrorKind::kInfeasible, "no feasible placement: " + short_of);
    }
  }

  // What searches, of those that were asked for; else the portfolio, and learners, which can only
  // pay where steps are what counts.
  [[nodiscard]] std::vector<std::string> searching() const {
    if (config_.algorithms.empty()) {
      std::vector<std::string> names = searches_of(registry_);
      std::erase_if(names, [&](const std::string& name) {
        return name != kAuto && !(name == kLearner && by_step_time() && takes_all(name));
      });
      return names;
    }
    std::vector<std::string> chosen = config_.algorithms;
    std::erase_if(chosen, [&](const std::string& name) { return !registry_.find(name).searches; });
    return chosen;
  }

  [[nodiscard]] bool takes_all(const std::string& name) const {
    return registry_.find(name).fits(space_.size());
  }
  [[nodiscard]] bool is_learner(const std::string& name) const {
    return registry_.find(name).learns;
  }

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
      std::erase_if(names, [&](const std::string& name) { return is_learner(name); });
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
    const double rest = 1 - shares.finalists - (by_step_time() ? kScalingShare : 0);
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
    plan.one_heuristic = is_zero_shot(config_);
    plan.searching = searching_in_simulator();
    plan.budget.evaluations = budget_.evaluations;
    if (budget_.seconds) {
      plan.budget.seconds = *budget_.seconds * shares().simulated;
    }
    for (const std::string& file : config_.initial) {
      plan.given.push_back(
          {fs::path(file).filename().string(),
           bind_placement(read_placement(read_file(file), file), workload_.graph, cluster_, file)});
    }
    return plan;
  }

  std::vector<std::optional<SimTime>> scale() {
    const double seconds = budget_.seconds ? *budget_.seconds * kScalingShare : kScalingSeconds;
    return device_scaling(space_, registry_, config_.seed, seconds, shared_);
  }

  StepBench& bench() {
    if (!bench_) {
      StepBenchOptions options;
      options.executor.seed = config_.seed;
      options.executor.weights = config_.weights;
      options.executor.memory_limit = space_.constraints().memory_limit;
      if (config_.cuda_graphs) {
        options.capture = profile::Capture::kWherePossible;
      }
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
      const auto single = bench().evaluator({});
      const auto steps = make_pooling_evaluator(*single);
      const auto by_groups = space_.grouping() == nullptr
                                 ? nullptr
                                 : make_expanding_evaluator(*steps, *space_.grouping());
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
      options.parameters = parameters_of(config_.parameters, name);
      if (config_.signal == "both") {
        options.initial = best_by_simulation();
        // The policy that the simulator has taught goes on.
        if (const std::string taught = run_.checkpoint(name); fs::exists(taught)) {
          std::erase_if(options.parameters,
                        [](const auto& given) { return given.first == "policy"; });
          options.parameters.emplace_back("policy", taught);
        }
      }
      options.decoded = 1;  // its most probable placement is enough to begin with
      options.on_best = [&](const Placement& found, const Outcome& outcome,
                            std::uint64_t evaluations) {
        keep_improvement(label, found, outcome, evaluations);
      };
      candidates_.push_back(run_algorithm(space_, *registry_.find(name).make(), label,
                                          space_.judged_by(by_groups ? *by_groups : *steps),
                                          options));
      tell(candidates_.back(), shared_);
      candidates_.back().searched = true;
    }
  }

  // What a learner from measured steps has found, on disk before the next step is run.
  //   found  of what is searched, which may be groups
  void keep_improvement(const std::string& label, const Placement& found, const Outcome& measured,
                        std::uint64_t evaluations) {
    if (!run_.exists()) {
      return;
    }
    const Placement by_ops = space_.grouping() == nullptr ? found : space_.to_ops(found);
    Provenance provenance = provenance_of(space_, label, config_.seed, evaluations,
                                          space_.judge().evaluate_one(by_ops));
    provenance.date = now_iso();
    Measurement steps;
    for (const SimTime step : measured.timed_steps) {
      steps.seconds.push_back(step.seconds());
    }
    provenance.measured = steps.summary();
    provenance.measured->method =
        "wall time of whole steps, one discarded after every change of placement";
    run_.keep_improvement(label, evaluations,
                          to_file(workload_.graph, cluster_, by_ops, std::move(provenance)));
  }

  // The best few placements of groups so far.
  [[nodiscard]] std::vector<Placement> best_by_simulation() const {
    constexpr std::size_t kMost = 4;
    std::vector<const Candidate*> order;
    for (const Candidate& candidate : candidates_) {
      order.push_back(&candidate);
    }
    std::stable_sort(order.begin(), order.end(), [](const Candidate* a, const Candidate* b) {
      return better(a->predicted, b->predicted);
    });
    std::vector<Placement> best;
    for (std::size_t i = 0; i < std::min(kMost, order.size()); ++i) {
      best.push_back(space_.from_ops(order[i]->placement));
    }
    return best;
  }

  // Nothing that does not fit can be chosen; the least bad says why.
  void drop_infeasible() {
    std::erase_if(candidates_, [&](const Candidate& candidate) {
      const Outcome& outcome = candidate.predicted;
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

  void tell_launches(const Placement& chosen) {
    profile::MeasureOptions options = profile::one_step();
    options.capture = profile::Capture::kAlways;
    const Outcome outcome = bench().evaluator(options)->evaluate_one(chosen);
    if (outcome.feasible()) {
      shared_.note("the chosen placement's steps are one launch each");
    } else if (outcome.infeasible->reason == InfeasibleReason::kUnsupported) {
      shared_.note("the chosen placement runs op by op: " + outcome.infeasible->text);
    }
  }

  void write(const Choice& choice) const {
    const Candidate& winner = candidates_[choice.winner];
    Provenance provenance =
        provenance_of(space_, winner.algorithm, config_.seed, winner.evaluations, winner.predicted);
    provenance.command = shared_.command_line;
    provenance.date = now_iso();
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

}  // namespace

void add_place(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("place", "choose a device for every node of a graph");
  command->footer(
      "Example: placer place graph.json -c cluster.json --budget 60s -o placement.json");
  auto options = std::make_shared<PlaceOptions>();
  add_place_flags(*command, *options);
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
      if (!options->tensorboard.empty()) run.add_event_files(options->tensorboard);
      return place.run(std::move(run));
    };
  });
}

}  // namespace placer::cli
