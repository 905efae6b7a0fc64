// placer measure: real steps of placements, interleaved; the simulator against them.

#include <iostream>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/evaluate/interleave.h"
#include "placer/formats/formats.h"
#include "placer/formats/trace.h"
#include "tools/placer/measure/fidelity_set.h"
#include "tools/placer/measure/gpu_conditions.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRounds = 30;         // for figures that are quoted
constexpr int kFidelityRounds = 6;  // of many placements: two series of three
constexpr int kLaunchSteps = 5;
constexpr double kLaunchLimitSeconds = 60;

struct MeasureCommandOptions {
  std::string graph;
  std::string cluster;
  std::vector<std::string> placements;
  int rounds = 0;  // 0: the default of what is measured
  std::string budget;
  bool all_cores = false;
  bool cuda_graphs = false;
  bool compare_simulator = false;
  std::size_t count = 24;
  std::size_t max_groups = GroupingOptions{}.max_groups;
  std::uint64_t seed = 1;
  std::string weights;
  std::string trace;
};

struct Row {
  std::string name;
  std::optional<double> simulated_seconds = std::nullopt;
  Series series = {};
  // Of the host's processors, for launching a step.
  std::optional<double> launch_seconds = std::nullopt;
};

class MeasureCommand {
 public:
  MeasureCommand(const MeasureCommandOptions& options, const Shared& shared)
      : options_(options),
        shared_(shared),
        workload_(load_graph(options.graph)),
        cluster_(load_cluster(options.cluster)),
        space_(workload_, cluster_, {}, {.max_groups = options.max_groups}) {
    const std::string reason = cannot_measure(workload_.graph, cluster_);
    if (!reason.empty()) {
      throw Error(ErrorKind::kDevice, "nothing can be measured: " + reason);
    }
    for (const std::string& line : foreign_profiles(workload_.times)) {
      shared.warn(line);
    }
    if (!options.budget.empty()) {
      budget_ = parse_budget(options.budget);
    }
    if (budget_.evaluations) {
      throw usage_error("--budget " + options.budget +
                        ": expected a time, as 60s; --rounds counts");
    }
    std::vector<std::string> inputs = options.placements;
    inputs.insert(inputs.end(), {options.graph, options.cluster, options.weights});
    require_writable(options.trace, inputs);
    StepBenchOptions bench;
    bench.executor.seed = options.seed;
    bench.executor.weights = options.weights;
    bench_ = open_bench(space_.costs(), bench);
  }

  int run() {
    read_placements();
    if (options_.compare_simulator) {
      for (NamedPlacement& placement : fidelity_set(space_, options_.count, options_.seed)) {
        placements_.push_back(std::move(placement));
      }
    }
    if (placements_.empty() && options_.compare_simulator) {
      throw Error(ErrorKind::kInfeasible, "no placement of the set fits these devices");
    }
    if (placements_.empty()) {
      throw usage_error("expected placement files, --compare-simulator, or both");
    }
    measure();
    if (options_.cuda_graphs && !shared_.stop.stop_requested()) {
      time_launches();
    }
    const bool ran = std::any_of(rows_.begin(), rows_.end(),
                                 [](const Row& row) { return !row.series.infeasible; });
    if (ran && !options_.trace.empty()) {
      write_measured_trace();
    }
    std::cout << (shared_.json ? json() : text()) << std::flush;
    if (!ran) {
      const Infeasible& why = *rows_[0].series.infeasible;
      throw Error(failure_kind(why.reason), "none of these could run: " + why.text);
    }
    return 0;
  }

 private:
  void read_placements() {
    for (const std::string& file : options_.placements) {
      placements_.push_back({file, bind_placement(read_placement(read_file(file), file),
                                                  workload_.graph, cluster_, file)});
    }
  }

  void measure() {
    const auto steps = bench_->evaluator(profile::one_step());
    std::unique_ptr<Evaluator> all_cores;
    std::unique_ptr<Evaluator> captured;
    std::vector<Contender> contenders;
    for (const NamedPlacement& placement : placements_) {
      contenders.push_back({steps.get(), placement.placement});
      const Outcome simulated = space_.judge().evaluate_one(placement.placement);
      rows_.push_back({placement.name, simulated.feasible()
                                           ? std::optional(simulated.step_time.seconds())
                                           : std::nullopt});
    }
    if (!options_.compare_simulator) {
      // The first once more: what the same placement against itself gives is the noise.
      contenders.push_back(contenders[0]);
      rows_.push_back({placements_[0].name + " (again)", rows_[0].simulated_seconds});
    }
    if (options_.cuda_graphs) {
      first_captured_ = rows_.size();
      profile::MeasureOptions options = profile::one_step();
      options.capture = profile::Capture::kAlways;
      captured = bench_->evaluator(options);
      for (const NamedPlacement& placement : placements_) {
        contenders.push_back({captured.get(), placement.placement});
        rows_.push_back({placement.name + " (one launch)"});
      }
    }
    if (options_.all_cores) {
      all_cores = bench_->all_cores(profile::one_step());
      contenders.push_back({all_cores.get(), all_on(workload_.graph, DeviceId{0})});
      rows_.push_back({"all cores in one op"});
    }
    const int rounds = options_.rounds > 0          ? options_.rounds
                       : options_.compare_simulator ? kFidelityRounds
                                                    : kRounds;
    BudgetClock clock(budget_, shared_.stop.get_token());
    const ProgressSink progress = shared_.progress();
    gpus_.emplace(cluster_);
    int done = 0;
    const auto series = measure_interleaved(contenders, [&](std::span<const Series>) {
      ++done;
      if (progress) {
        progress({"measuring", static_cast<double>(done), static_cast<double>(rounds), {}});
      }
      return done < rounds && !clock.exhausted();
    });
    gpus_->read_again();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      rows_[i].series = series[i];
    }
  }

  // Of a few steps of each placement that ran, op by op and, where that can be, captured.
  void time_launches() {
    profile::Executor& executor = bench_->executor();
    for (std::size_t i = 0; i < placements_.size(); ++i) {
      if (rows_[i].series.infeasible) {
        continue;
      }
      executor.place(placements_[i].placement);
      rows_[i].launch_seconds = launch_seconds(executor);
      Row& captured = rows_[first_captured_ + i];
      if (rows_[i].launch_seconds && !captured.series.infeasible && executor.capture().empty()) {
        captured.launch_seconds = launch_seconds(executor);
      }
    }
  }

  // Median; nothing where the steps do not run.
  static std::optional<double> launch_seconds(profile::Executor& executor) {
    std::vector<double> samples;
    for (int step = 0; step < kLaunchSteps; ++step) {
      const profile::StepReport report = executor.step(kLaunchLimitSeconds, false);
      if (report.infeasible) {
        return std::nullopt;
      }
      samples.push_back(
          std::accumulate(report.launch_seconds.begin(), report.launch_seconds.end(), 0.0));
    }
    return median(samples);
  }

  void write_measured_trace() {
    profile::Executor& executor = bench_->executor();
    executor.place(placements_[0].placement);
    (void)executor.step(0, false);
    const profile::StepReport step = executor.step(0, true);
    if (step.infeasible) {
      throw Error(failure_kind(step.infeasible->reason), "no trace: " + step.infeasible->text);
    }
    StepTrace trace{.title = "measured", .ops = {}, .transfers = {}};
    for (const profile::OpRun& op : step.ops) {
      trace.ops.push_back(
          {op.node, op.device, from_seconds(op.start_seconds), from_seconds(op.end_seconds)});
    }
    for (const profile::HandOff& hand_off : step.hand_offs) {
      trace.transfers.push_back({hand_off.tensor, hand_off.from, hand_off.to,
                                 from_seconds(hand_off.start_seconds),
                                 from_seconds(hand_off.end_seconds)});
    }
    write_file(options_.trace, write_trace(workload_.graph, cluster_, trace));
    shared_.note("wrote " + options_.trace);
  }

  // Of every row against the first, by rounds.
  [[nodiscard]] std::optional<PairedComparison> against_first(std::size_t i) const {
    const auto& first = rows_[0].series.seconds;
    const auto& other = rows_[i].series.seconds;
    const std::size_t n = std::min(first.size(), other.size());
    if (i == 0 || n == 0) {
      return std::nullopt;
    }
    return compare_paired(std::span(first).first(n), std::span(other).first(n));
  }

  [[nodiscard]] std::optional<FidelityReport> fidelity_report() const {
    if (!options_.compare_simulator) {
      return std::nullopt;
    }
    std::vector<NamedPlacement> ran;
    std::vector<double> simulated;
    std::vector<std::vector<double>> samples;
    for (std::size_t i = 0; i < placements_.size(); ++i) {
      if (!rows_[i].series.infeasible && rows_[i].simulated_seconds &&
          rows_[i].series.seconds.size() >= 2) {
        ran.push_back(placements_[i]);
        simulated.push_back(*rows_[i].simulated_seconds);
        samples.push_back(rows_[i].series.seconds);
      }
    }
    if (ran.size() < 2) {
      shared_.note("too few placements with two samples or more to hold the simulator against");
      return std::nullopt;
    }
    return compare_with_simulator(ran, simulated, samples);
  }

  [[nodiscard]] std::string row_text(std::size_t i) const {
    const Row& row = rows_[i];
    if (row.series.infeasible) {
      return fmt::format("  {:<28} failed: {}\n", row.name, row.series.infeasible->text);
    }
    const Interval interval = median_interval(row.series.seconds);
    const double middle = median(row.series.seconds);
    std::string line =
        fmt::format("  {:<28} {:>10.2f} {:>9.2f}-{:<9.2f} {:>4}", row.name, 1e3 * middle,
                    1e3 * interval.low, 1e3 * interval.high, row.series.seconds.size());
    if (row.simulated_seconds) {
      line += fmt::format(" {:>12.2f} {:>+7.1f} %", 1e3 * *row.simulated_seconds,
                          100 * (*row.simulated_seconds / middle - 1));
    } else {
      line += fmt::format(" {:>12} {:>9}", "-", "-");
    }
    if (row.launch_seconds) {
      line += fmt::format(" {:>10.3f}", 1e3 * *row.launch_seconds);
    } else if (options_.cuda_graphs) {
      line += fmt::format(" {:>10}", "-");
    }
    if (const auto ratio = against_first(i); ratio && !options_.compare_simulator) {
      line += fmt::format("  {:.3f}x ({:.3f}-{:.3f}){}", ratio->ratio, ratio->interval.low,
                          ratio->interval.high, ratio->decided ? "" : " not decided");
    }
    return line + "\n";
  }

  [[nodiscard]] std::string text() const {
    std::string text = fmt::format("  {:<28} {:>10} {:>19} {:>4} {:>12} {:>9}{}{}\n", "placement",
                                   "median ms", "95% interval", "n", "simulated ms", "error",
                                   options_.cuda_graphs ? "  launch ms" : "",
                                   options_.compare_simulator ? "" : "  speed-up over the first");
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      text += row_text(i);
    }
    text += gpus_->text();
    if (const auto report = fidelity_report()) {
      text += fidelity_text(*report);
    }
    return text;
  }

  static std::string fidelity_text(const FidelityReport& report) {
    const auto line = [](const char* name, const Fidelity& f) {
      return fmt::format(
          "  {:<22} {:>7.1f} % {:>+7.1f} % {:>9.3f} {:>9.3f} {:>8.1f} % {:>8.1f} %\n", name,
          100 * f.mape, 100 * f.bias, f.spearman, f.kendall_best_half, 100 * f.regret_top1,
          100 * f.regret_top5);
    };
    std::string text =
        fmt::format("simulator against {} placements, {} of them on several devices:\n",
                    report.placements, report.several_devices);
    text += fmt::format("  {:<22} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}\n", "", "error", "bias",
                        "Spearman", "best half", "top-1 loss", "top-5 loss");
    text += line("simulated", report.simulated);
    return text + line("noise floor", report.noise_floor);
  }

  static Json fidelity_json(const Fidelity& f) {
    return {{"mape", f.mape},
            {"bias", f.bias},
            {"spearman", f.spearman},
            {"kendall_best_half", f.kendall_best_half},
            {"regret_top1", f.regret_top1},
            {"regret_top5", f.regret_top5}};
  }

  [[nodiscard]] std::string json() const {
    Json rows = Json::array();
    for (const Row& row : rows_) {
      Json object{{"placement", row.name}, {"seconds", row.series.seconds}};
      if (row.series.infeasible) {
        object["failure"] = row.series.infeasible->text;
      } else {
        const Interval interval = median_interval(row.series.seconds);
        object["median_us"] = 1e6 * median(row.series.seconds);
        object["low_us"] = 1e6 * interval.low;
        object["high_us"] = 1e6 * interval.high;
      }
      if (row.simulated_seconds) {
        object["simulated_us"] = 1e6 * *row.simulated_seconds;
      }
      if (row.launch_seconds) {
        object["launch_us"] = 1e6 * *row.launch_seconds;
      }
      rows.push_back(std::move(object));
    }
    Json object{{"format", "placer.measure-report"}, {"version", 1}, {"placements", rows}};
    gpus_->add_to(object);
    if (const auto report = fidelity_report()) {
      object["fidelity"] = {{"placements", report->placements},
                            {"several_devices", report->several_devices},
                            {"simulated", fidelity_json(report->simulated)},
                            {"noise_floor", fidelity_json(report->noise_floor)}};
    }
    return object.dump(2) + "\n";
  }

  const MeasureCommandOptions& options_;
  const Shared& shared_;
  Workload workload_;
  Cluster cluster_;
  SearchSpace space_;
  Budget budget_;
  std::unique_ptr<StepBench> bench_;
  std::optional<GpuConditions> gpus_;  // while it was measured
  std::vector<NamedPlacement> placements_;
  std::vector<Row> rows_;
  std::size_t first_captured_ = 0;  // of rows_, a row for each placement
};

}  // namespace

void add_measure(CLI::App& app, Shared& shared) {
  auto* command = app.add_subcommand("measure", "run placements against each other, interleaved");
  command->footer("Example: placer measure graph.json -c cluster.json placement.json other.json");
  auto options = std::make_shared<MeasureCommandOptions>();
  command->add_option("graph", options->graph, "graph file, profiled")->required();
  command->add_option("placements", options->placements, "placement files");
  command->add_option("-c,--cluster", options->cluster, "devices and links")->required();
  command
      ->add_option("--rounds", options->rounds,
                   "timed steps of each [30; 6 with --compare-simulator]")
      ->check(whole_number(1));
  command->add_option("--budget", options->budget, "stop after this time (60s) [none]");
  command->add_flag("--all-cores", options->all_cores, "also every op on all cores");
  auto* compare = command->add_flag("--compare-simulator", options->compare_simulator,
                                    "hold the simulator against a seeded set of placements");
  command
      ->add_flag("--cuda-graphs", options->cuda_graphs,
                 "also every placement's step as one launch, where it is of one GPU")
      ->excludes(compare);
  command->add_option("--placements", options->count, "size of that set")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_option("--max-groups", options->max_groups, "groups it is drawn over")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of that set, of weights and inputs")
      ->check(whole_number())
      ->capture_default_str();
  command->add_option("--weights", options->weights, ".pt2 archive with the weights to run with");
  command->add_option("--trace", options->trace, "write a step of the first placement as a trace");
  command->callback([options, &shared] {
    shared.action = [options, &shared] { return MeasureCommand(*options, shared).run(); };
  });
}

}  // namespace placer::cli
