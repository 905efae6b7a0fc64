// placer compare: every algorithm on one graph, in one table.

#include <algorithm>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "tools/placer/constraint_flags.h"
#include "tools/placer/model_options.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/place/gap.h"
#include "tools/placer/place/objective_text.h"
#include "tools/placer/place/place_options.h"
#include "tools/placer/shared.h"

namespace placer::cli {
namespace {

using CompareJson = nlohmann::ordered_json;

constexpr int kNothingFits = 4;  // exit status

struct CompareOptions {
  std::string graph;
  std::string cluster;
  std::string objective = kStepTime;
  std::string budget = "5s";
  std::vector<std::string> algorithms;
  std::size_t seeds = 1;
  std::optional<std::size_t> max_groups;
  std::vector<std::string> settings;  // "algorithm.name=value"
  ConstraintFlags constraints;
  ModelOptions model;
  std::string csv;
};

// One algorithm with every seed.
struct ComparedRow {
  std::string algorithm;
  bool searches = false;
  bool learns = false;
  std::vector<Candidate> runs;  // [seeds]

  [[nodiscard]] const Candidate& best() const {
    return *std::min_element(runs.begin(), runs.end(), by_value);
  }
  [[nodiscard]] const Candidate& worst() const {
    return *std::max_element(runs.begin(), runs.end(), by_value);
  }
  static bool by_value(const Candidate& a, const Candidate& b) {
    return better(a.predicted, b.predicted);
  }
};

std::string gap_cell(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f}%", 100 * *share) : "-";
}

// In a field of CSV (RFC 4180).
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    out += c == '"' ? "\"\"" : std::string(1, c);
  }
  return out + "\"";
}

class CompareCommand {
 public:
  CompareCommand(const CompareOptions& options, const Shared& shared)
      : options_(options),
        shared_(shared),
        budget_(parse_budget(options.budget)),
        workload_(load_graph(options.graph)),
        cluster_(load_cluster(options.cluster)),
        space_(workload_, cluster_, read_constraints(options.constraints),
               {.objective = options.objective,
                .max_groups = options.max_groups,
                .model = model_of(options.model)}),
        objective_(options.objective) {
    for (const std::string& name : options.algorithms) {
      registry_.require_fitting(name, space_.size());
    }
    read_settings();
    const bool simulated = options.objective.find(kStepTime) != std::string::npos;
    if (!simulated && space_.model() != sim::Model{}) {
      throw usage_error("--model and its switches change the step time, not the objective " +
                        options.objective);
    }
    require_writable(options.csv, {options.graph, options.cluster});
  }

  int run() {
    run_all();
    std::stable_sort(rows_.begin(), rows_.end(), [](const ComparedRow& a, const ComparedRow& b) {
      return better(a.best().predicted, b.best().predicted);
    });
    bound_ = bound_of(space_);
    for (const ComparedRow& row : rows_) {
      bound_ = best_bound(std::move(bound_), row.runs);
    }
    if (!options_.csv.empty()) {
      write_file(options_.csv, csv());
    }
    std::cout << (shared_.json ? json() : text());
    const bool found = std::any_of(rows_.begin(), rows_.end(), [](const ComparedRow& row) {
      return row.best().predicted.feasible();
    });
    if (!found) {
      shared_.warn("no feasible placement was found");
    }
    return found ? 0 : kNothingFits;
  }

 private:
  void read_settings() {
    add_settings(parameters_, options_.settings);
    for (const auto& [name, parameters] : parameters_) {
      registry_.check_parameters(name, parameters_of(parameters_, name));
      if (!asked_for(name)) {
        throw usage_error("--set " + name + ": it is not among --algorithms");
      }
    }
    check_policies(parameters_);
  }

  [[nodiscard]] bool asked_for(const std::string& name) const {
    return options_.algorithms.empty() ||
           std::find(options_.algorithms.begin(), options_.algorithms.end(), name) !=
               options_.algorithms.end();
  }

  void run_all() {
    if (options_.algorithms.empty()) {
      for (const DeviceId device : space_.usable_devices()) {
        run_row({.name = "single:" + cluster_.device(device).name,
                 .description = "",
                 .searches = false,
                 .make = [device] { return single_device(device); }});
      }
    }
    for (const AlgorithmEntry& entry : registry_.entries()) {
      if (!asked_for(entry.name)) {
        continue;
      }
      if (!entry.fits(space_.size())) {
        shared_.note(left_out_text(entry));
        continue;
      }
      run_row(entry);
    }
  }

  void run_row(const AlgorithmEntry& entry) {
    ComparedRow row{
        .algorithm = entry.name, .searches = entry.searches, .learns = entry.learns, .runs = {}};
    for (std::size_t i = 0; i < options_.seeds; ++i) {
      if (shared_.stop.stop_requested() && !(rows_.empty() && row.runs.empty())) {
        break;
      }
      SearchOptions options;
      options.budget = budget_;
      options.seed = i + 1;
      options.parameters = parameters_of(parameters_, entry.name);
      options.stop = shared_.stop.get_token();
      options.progress = shared_.progress();
      options.threads = search_threads();
      row.runs.push_back(
          run_algorithm(space_, *entry.make(), entry.name, space_.searched(), options));
    }
    if (!row.runs.empty()) {
      rows_.push_back(std::move(row));
    }
  }

  [[nodiscard]] std::optional<double> gap_to_best(const Outcome& outcome) const {
    return gap(outcome, LowerBound{rows_.front().best().predicted.cost(), ""});
  }

  [[nodiscard]] std::string text() const {
    const bool several = options_.seeds > 1;
    std::string text =
        fmt::format("{:<16} {:>14} {}{:>9} {:>9} {:>4} {:>11} {:>11} {:>8}\n", "algorithm",
                    objective_.heading(), several ? fmt::format("{:>12} ", "worst seed") : "",
                    "to best", "to bound", "used", "peak memory", "evaluations", "seconds");
    for (const ComparedRow& row : rows_) {
      const Candidate& best = row.best();
      if (!best.predicted.feasible()) {
        text +=
            fmt::format("{:<16} infeasible: {}\n", row.algorithm, best.predicted.infeasible->text);
        continue;
      }
      const auto& peaks = best.predicted.peak_memory;
      const Bytes peak = peaks.empty() ? Bytes{} : *std::max_element(peaks.begin(), peaks.end());
      const Outcome& worst = row.worst().predicted;
      const std::string worst_cell = worst.feasible() ? objective_.number(worst) : "infeasible";
      text += fmt::format(
          "{:<16} {:>14} {}{:>9} {:>9} {:>4} {:>11} {:>11} {:>8.2f}\n", row.algorithm,
          objective_.number(best.predicted), several ? fmt::format("{:>12} ", worst_cell) : "",
          gap_cell(gap_to_best(best.predicted)), gap_cell(gap(best.predicted, bound_)),
          num_devices_used(best.placement), to_string(peak), best.evaluations, best.seconds);
    }
    const std::string gap = gap_text(space_, rows_.front().best().predicted, bound_);
    text += gap.empty() ? "" : "the best is " + gap + "\n";
    return text + (shared_.stop.stop_requested() ? "stopped on request\n" : "");
  }

  [[nodiscard]] CompareJson run_json(const Candidate& run, std::size_t seed) const {
    CompareJson object{{"seed", seed}, {"feasible", run.predicted.feasible()}};
    if (run.predicted.feasible()) {
      object[objective_.key()] = objective_.full(run.predicted);
      object["gap_to_best"] = gap_to_best(run.predicted).value_or(0);
      if (const auto to_bound = gap(run.predicted, bound_)) {
        object["gap_to_bound"] = *to_bound;
      }
      object["devices_used"] = num_devices_used(run.placement);
      for (std::size_t d = 0; d < run.predicted.peak_memory.size(); ++d) {
        object["peak_memory_bytes"][cluster_.device(id_at<DeviceId>(d)).name] =
            run.predicted.peak_memory[d].count;
      }
    } else {
      object["reason"] = run.predicted.infeasible->text;
    }
    object["evaluations"] = run.evaluations;
    object["seconds"] = run.seconds;
    object["history"] = history_json(run.history);
    return object;
  }

  // [evaluations, seconds, value] of every improvement.
  [[nodiscard]] CompareJson history_json(std::span<const HistoryPoint> history) const {
    CompareJson points = CompareJson::array();
    for (const HistoryPoint& point : history) {
      Outcome outcome;
      outcome.step_time = point.best;
      outcome.score = point.best.ps;
      points.push_back({point.evaluations, point.seconds, objective_.full(outcome)});
    }
    return points;
  }

  [[nodiscard]] std::string json() const {
    CompareJson rows = CompareJson::array();
    for (const ComparedRow& row : rows_) {
      CompareJson runs = CompareJson::array();
      for (std::size_t i = 0; i < row.runs.size(); ++i) {
        runs.push_back(run_json(row.runs[i], i + 1));
      }
      rows.push_back({{"algorithm", row.algorithm},
                      {"searches", row.searches},
                      {"learns", row.learns},
                      {"runs", runs}});
    }
    CompareJson object{{"format", "placer.compare-report"},
                       {"version", 1},
                       {"objective", options_.objective},
                       {"stopped", shared_.stop.stop_requested()},
                       {"algorithms", std::move(rows)}};
    object["parameters"] = parameters_;
    if (bound_) {
      Outcome least;
      least.score = bound_->cost;
      object["bound"] = {{objective_.key(), objective_.full(least)},
                         {"decided_by", bound_->decided_by}};
    }
    return object.dump(2) + "\n";
  }

  [[nodiscard]] std::string csv() const {
    std::string text = fmt::format(
        "algorithm,seed,feasible,{},gap_to_best,gap_to_bound,devices_used,evaluations,seconds,"
        "reason\n",
        objective_.key());
    for (const ComparedRow& row : rows_) {
      for (std::size_t i = 0; i < row.runs.size(); ++i) {
        const Candidate& run = row.runs[i];
        const auto number = [](const std::optional<double>& value) {
          return value ? fmt::format("{}", *value) : "";
        };
        const bool feasible = run.predicted.feasible();
        text += fmt::format(
            "{},{},{},{},{},{},{},{},{:.3f},{}\n", quoted(row.algorithm), i + 1, feasible,
            feasible ? fmt::format("{}", objective_.full(run.predicted)) : "",
            number(gap_to_best(run.predicted)), number(gap(run.predicted, bound_)),
            feasible ? std::to_string(num_devices_used(run.placement)) : "", run.evaluations,
            run.seconds, quoted(feasible ? "" : run.predicted.infeasible->text));
      }
    }
    return text;
  }

  const CompareOptions& options_;
  const Shared& shared_;
  Budget budget_;
  Workload workload_;
  Cluster cluster_;
  SearchSpace space_;
  ObjectiveText objective_;
  const AlgorithmRegistry registry_ = all_algorithms();
  AlgorithmParameters parameters_;
  std::vector<ComparedRow> rows_;
  std::optional<LowerBound> bound_;
};

}  // namespace

void add_compare(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("compare", "every algorithm on one graph, in one table");
  command->footer(
      "Example: placer compare graph.json -c cluster.json --objective max-load --budget 5s");
  auto options = std::make_shared<CompareOptions>();
  command->add_option("graph", options->graph, "graph with op times")->required();
  command->add_option("-c,--cluster", options->cluster, "devices and links")->required();
  command->add_option("--objective", options->objective, "as of placer place")
      ->capture_default_str();
  command
      ->add_option("--budget", options->budget,
                   "seconds (5s) or evaluations (2000) of each algorithm that searches")
      ->capture_default_str();
  command->add_option("--algorithms", options->algorithms, "NAME,...: only these [all]")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--seeds", options->seeds, "run each with the seeds 1 to this")
      ->check(whole_number(1))
      ->capture_default_str();
  command->add_option("--set", options->settings, "ALGORITHM.NAME=VALUE, a parameter of one")
      ->allow_extra_args(false);
  command->add_option("--max-groups", options->max_groups, "as of placer place")
      ->check(whole_number());
  add_constraint_flags(*command, options->constraints);
  add_model_options(*command, options->model);
  command->add_option("--csv", options->csv, "also write a row for every run");
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return CompareCommand(*options, shared).run(); };
  });
}

}  // namespace placer::cli
