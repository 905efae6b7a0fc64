// What placement of large graphs reaches and costs: a table of step times by the simulator, for
// every generated family, ratio of communication to computation, and equal and unequal devices.
//   large_graphs                 100,000 ops, 60 s a row
//   large_graphs --quick         5,000 ops, 10 s a row
//   large_graphs --costs         CPU seconds of the baselines instead, with and without the
//                                simulator that judges what they make
//   large_graphs --curve         time by size instead, 1,000 to 200,000 ops

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "placer/algorithm/algorithm.h"
#include "placer/base/error.h"
#include "placer/bound/lower_bound.h"
#include "simulator/simulator.h"
#include "tools/families/graph_families.h"

namespace placer::bench {
namespace {

using namespace families;  // NOLINT(google-build-using-namespace): all of what it measures

constexpr const char* kBaselines[] = {"heft", "m-etf", "metis", "scotch"};

struct Settings {
  std::size_t nodes = 100'000;
  double seconds = 60;
  std::string algorithm = "auto";
  std::string family;                             // empty: all
  std::vector<double> ratios = {0.1, 1.0, 10.0};  // of communication to computation
  std::string devices;                            // empty: equal and unequal
  std::size_t threads = 2;
  std::uint64_t seed = 1;
};

// Says yes at once: what is left of an algorithm's time is its own.
class NoEvaluator : public Evaluator {
 public:
  void evaluate(std::span<const Placement> /*placements*/, std::span<Outcome> results) override {
    std::ranges::fill(results, Outcome{});
  }
  [[nodiscard]] std::string name() const override { return "none"; }
};

// One generated problem with all that refers to one another.
class Case {
 public:
  explicit Case(const FamilyOptions& options)
      : workload_(make_family(options)),
        cluster_(make_cluster(8, options.equal)),
        costs_(workload_, cluster_),
        constraints_(resolve_constraints(costs_, {})),
        simulator_(sim::make_simulator(costs_, {})) {
    register_baselines(registry_);
  }

  SearchResult run(const std::string& algorithm, const SearchOptions& options) {
    const Problem problem{.costs = costs_,
                          .constraints = constraints_,
                          .evaluator = *simulator_,
                          .make_evaluator = [this] { return sim::make_simulator(costs_, {}); }};
    return registry_.find(algorithm).make()->run(problem, options);
  }
  void run_unjudged(const std::string& algorithm) {
    NoEvaluator evaluator;
    const Problem problem{.costs = costs_, .constraints = constraints_, .evaluator = evaluator};
    static_cast<void>(registry_.find(algorithm).make()->run(problem, {}));
  }
  [[nodiscard]] double bound_ms() const {
    return milliseconds({lower_bound(costs_, constraints_, BoundedObjective::kStepTime).cost});
  }
  [[nodiscard]] std::size_t size() const { return workload_.graph.size(); }
  [[nodiscard]] static double milliseconds(SimTime time) { return time.seconds() * 1e3; }

 private:
  Workload workload_;
  Cluster cluster_;
  CostModel costs_;
  Constraints constraints_;
  std::unique_ptr<sim::Simulator> simulator_;
  AlgorithmRegistry registry_;
};

const char* name_of_devices(bool equal) {
  return equal ? "equal" : "unequal";
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// Runs an algorithm that takes no budget; the second is what it cost in CPU seconds.
std::pair<double, double> baseline(Case& problem, const char* name) {
  const double start = cpu_seconds();
  const SearchResult result = problem.run(name, {});
  const double seconds = cpu_seconds() - start;
  return {Case::milliseconds(result.outcome.step_time), seconds};
}

// Calls `print` for every problem that is asked for.
template <class Print>
void for_each_problem(const Settings& settings, const Print& print) {
  for (const Family family : kFamilies) {
    if (!settings.family.empty() && name_of(family) != settings.family) continue;
    for (const double ccr : settings.ratios) {
      for (const bool equal : {true, false}) {
        if (!settings.devices.empty() && settings.devices != name_of_devices(equal)) continue;
        print(FamilyOptions{.family = family,
                            .nodes = settings.nodes,
                            .ccr = ccr,
                            .equal = equal,
                            .seed = settings.seed});
      }
    }
  }
}

// The median of three.
template <class Work>
double median_cpu_seconds(const Work& work) {
  std::array<double, 3> seconds{};
  for (double& each : seconds) {
    const double start = cpu_seconds();
    work();
    each = cpu_seconds() - start;
  }
  std::ranges::sort(seconds);
  return seconds[1];
}

void print_costs(const Settings& settings) {
  fmt::print(
      "{} ops, 8 devices, seed {}. CPU seconds, the median of three runs; in brackets with the "
      "simulator that judges what is made.\n\n| family | ratio | devices |",
      settings.nodes, settings.seed);
  for (const char* name : kBaselines) fmt::print(" {} |", name);
  fmt::print("\n|---|---|---|---|---|---|---|\n");
  for_each_problem(settings, [&](const FamilyOptions& options) {
    Case problem(options);
    fmt::print("| {} | {} | {} |", name_of(options.family), options.ccr,
               name_of_devices(options.equal));
    for (const char* name : kBaselines) {
      const double own = median_cpu_seconds([&] { problem.run_unjudged(name); });
      const double all = median_cpu_seconds([&] { static_cast<void>(problem.run(name, {})); });
      fmt::print(" {:.2f} ({:.2f}) |", own, all);
    }
    fmt::print("\n");
    std::fflush(stdout);
  });
}

void print_row(const Settings& settings, const FamilyOptions& options) {
  Case problem(options);
  std::string cells;
  double best = 0;
  for (const char* name : kBaselines) {
    const auto [ms, seconds] = baseline(problem, name);
    best = best == 0 ? ms : std::min(best, ms);
    cells += fmt::format(" {:.1f} ({:.2f} s) |", ms, seconds);
  }
  SearchOptions search;
  search.budget.seconds = settings.seconds;
  search.seed = settings.seed;
  search.threads = settings.threads;
  const double wall = wall_seconds();
  const double cpu = cpu_seconds();
  const SearchResult found = problem.run(settings.algorithm, search);
  const double ms = Case::milliseconds(found.outcome.step_time);
  const double bound = problem.bound_ms();
  const bool reached = ms <= 0.9 * best || ms <= 1.03 * bound;
  fmt::print("| {} | {} | {} |{} {:.1f} | {:.1f} | {:.1f} % | {:.1f} % | {} | {:.1f} / {:.1f} |\n",
             name_of(options.family), options.ccr, name_of_devices(options.equal), cells, ms, bound,
             100 * (1 - ms / best), 100 * (ms / bound - 1), reached ? "yes" : "no",
             wall_seconds() - wall, cpu_seconds() - cpu);
  std::fflush(stdout);
}

void print_table(const Settings& settings) {
  fmt::print(
      "{} ops, 8 devices, budget {} s on {} threads, seed {}. Step times in ms (CPU seconds to "
      "find them); "
      "\"reached\": at least 10 % less than the best baseline, or within 3 % of the bound.\n\n",
      settings.nodes, settings.seconds, settings.threads, settings.seed);
  fmt::print("| family | ratio | devices |");
  for (const char* name : kBaselines) fmt::print(" {} |", name);
  fmt::print(" {} | bound | less than best baseline | above bound | reached | s wall / CPU |\n",
             settings.algorithm);
  fmt::print("|---|---|---|{}---|---|---|---|---|---|\n", "---|---|---|---|");
  for_each_problem(settings, [&](const FamilyOptions& options) { print_row(settings, options); });
}

void print_curve(const Settings& settings) {
  const Family family = family_named(settings.family).value_or(Family::kLayered);
  fmt::print("{} graphs, ratio 1, equal devices: CPU seconds, and microseconds per op.\n\n",
             name_of(family));
  const std::vector<std::string> algorithms = {
      "heft", "m-etf", "metis", "scotch", "contention-list", "online-list", "multilevel"};
  fmt::print("| ops |");
  for (const std::string& name : algorithms) fmt::print(" {} |", name);
  fmt::print("\n|---|---|---|---|---|---|---|---|\n");
  for (const std::size_t nodes : {1'000, 3'000, 10'000, 30'000, 100'000, 200'000}) {
    Case problem({.family = family, .nodes = nodes, .seed = settings.seed});
    fmt::print("| {} |", problem.size());
    for (const std::string& name : algorithms) {
      SearchOptions options;
      options.budget.evaluations = 100;  // of methods that search
      const double start = cpu_seconds();
      static_cast<void>(problem.run(name, options));
      const double seconds = cpu_seconds() - start;
      fmt::print(" {:.3f} ({:.1f}) |", seconds,
                 seconds * 1e6 / static_cast<double>(problem.size()));
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
}

int run(int argc, char** argv) {
  CLI::App app("Placement of large generated graphs: step times and what they cost.");
  Settings settings;
  bool quick = false;
  bool costs = false;
  bool curve = false;
  auto* nodes = app.add_option("--nodes", settings.nodes, "ops")->check(CLI::Range(1, 10'000'000));
  auto* seconds =
      app.add_option("--seconds", settings.seconds, "budget of a row")->check(CLI::PositiveNumber);
  app.add_option("--algorithm", settings.algorithm, "what is set against the baselines");
  app.add_option("--family", settings.family, "only this one")
      ->check(CLI::IsMember({"layered", "transformer", "series-parallel", "random"}));
  app.add_option("--ratio", settings.ratios, "only these")->check(CLI::PositiveNumber);
  app.add_option("--devices", settings.devices, "only these")
      ->check(CLI::IsMember({"equal", "unequal"}));
  app.add_option("--threads", settings.threads, "of auto")->check(CLI::Range(1, 64));
  app.add_option("--seed", settings.seed, "of graphs and search");
  app.add_flag("--quick", quick, "5,000 ops and 10 s");
  app.add_flag("--costs", costs, "CPU seconds of the baselines");
  app.add_flag("--curve", curve, "time by size");
  CLI11_PARSE(app, argc, argv);
  if (quick && nodes->empty()) settings.nodes = 5'000;
  if (quick && seconds->empty()) settings.seconds = 10;
  if (costs) {
    print_costs(settings);
  } else if (curve) {
    print_curve(settings);
  } else {
    print_table(settings);
  }
  return 0;
}

}  // namespace
}  // namespace placer::bench

int main(int argc, char** argv) {
  try {
    return placer::bench::run(argc, argv);
  } catch (const placer::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
