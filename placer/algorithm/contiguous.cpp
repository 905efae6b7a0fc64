#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "placer/algorithm/contiguous_split.h"
#include "placer/algorithm/exact.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/proposal_judge.h"
#include "placer/algorithm/unit_table.h"

namespace placer {
namespace {

constexpr std::size_t kMostIdeals = 200'000;
constexpr std::size_t kMostIdealBits = std::size_t{1} << 28;  // of all ideals, 32 MiB
constexpr std::size_t kMostEntries = 16'000'000;              // of the table of ideals and states
constexpr std::uint64_t kMostPairs = 100'000'000;
constexpr std::size_t kMostPrefixes = 4'000;

struct Method {
  const char* name;
  SplitCost cost;
  bool all_ideals;  // else prefixes of topological orders
};

// The better of the splits along two orders; nothing when `limits` leave none.
std::optional<Split> best_linear_split(const BlockGraph& graph, SplitSolver& solver,
                                       SplitSolver::Limits limits) {
  std::optional<Split> best;
  for (auto order : {numbered_order(graph), depth_first_order(graph)}) {
    const auto lattice = IdealLattice::prefixes(std::move(order), kMostPrefixes);
    if (auto split = solver.solve(lattice, limits);
        split && (!best || split->value < best->value)) {
      limits.at_most = split->value;
      best = std::move(split);
    }
  }
  return best;
}

class Contiguous : public Algorithm {
 public:
  explicit Contiguous(Method method) : method_(method) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters(method_.name, options.parameters).check();
    const BlockGraph graph(problem);
    SplitSolver solver(problem, graph, method_.cost);
    std::string trouble;
    bool proven = false;
    std::optional<Split> split = best_linear_split(graph, solver, {.stop = options.stop});
    if (method_.all_ideals) {
      std::optional<Split> found = over_all_ideals(graph, solver, split, options.stop, trouble);
      proven = trouble.empty() && solver.any_order() && !graph.attached;
      if (found) {
        split = std::move(found);
      }
    }
    proven = proven && split;
    if (!split) {
      split = best_linear_split(graph, solver, {.relaxed = true});
    }
    const UnitTable units(problem);
    const Placement placement = placement_of(*split, graph, problem.constraints);
    SearchResult result =
        judge_with_repair(problem, options, method_.name, units, units.choice(placement));
    result.trouble = trouble;
    // Max-load with contiguous sets is what was minimised: nothing costs less.
    if (proven && problem.constraints.contiguous && problem.evaluator.name() == "max-load" &&
        result.evaluations == 1 && result.best) {
      result.lower_bound = result.outcome.cost();
    }
    return result;
  }

 private:
  static std::optional<Split> over_all_ideals(const BlockGraph& graph, SplitSolver& solver,
                                              const std::optional<Split>& linear,
                                              const std::stop_token& stop, std::string& trouble) {
    const std::size_t most =
        std::min({kMostIdeals, kMostEntries / solver.num_states(),
                  kMostIdealBits / std::max<std::size_t>(graph.block_of.size(), 1)});
    const auto lattice = IdealLattice::all(graph, most);
    if (!lattice) {
      trouble = fmt::format("more than {} ideals: splits of two topological orders only", most);
      return std::nullopt;
    }
    SplitSolver::Limits limits{.pairs = kMostPairs, .stop = stop};
    if (linear) {
      limits.at_most = linear->value;
    }
    auto split = solver.solve(*lattice, limits);
    if (!solver.complete() && !stop.stop_requested()) {
      trouble =
          fmt::format("{} ideals are too many to compare: splits of two topological orders only",
                      lattice->size());
    } else if (!solver.complete()) {
      trouble = "stopped: splits of two topological orders only";
    }
    return split;
  }

  Method method_;
};

}  // namespace

std::unique_ptr<Algorithm> dp() {
  return std::make_unique<Contiguous>(
      Method{.name = "dp", .cost = SplitCost::kLoad, .all_ideals = true});
}

std::unique_ptr<Algorithm> dpl() {
  return std::make_unique<Contiguous>(
      Method{.name = "dpl", .cost = SplitCost::kLoad, .all_ideals = false});
}

std::unique_ptr<Algorithm> pipedream() {
  return std::make_unique<Contiguous>(
      Method{.name = "pipedream", .cost = SplitCost::kPipeline, .all_ideals = true});
}

}  // namespace placer
