#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "placer/algorithm/contiguous_split.h"
#include "placer/algorithm/exact.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/placement_search.h"
#include "placer/algorithm/schedule_search.h"
#include "placer/algorithm/unit_table.h"
#include "placer/bound/lower_bound.h"

namespace placer {
namespace {

constexpr std::size_t kMostNodes = 400;  // beyond, not even one descent is worth its time
constexpr std::size_t kMostPrefixes = 1'000;

// A contiguous split, so that there is something to beat.
Placement linear_start(const Problem& problem) {
  const BlockGraph graph(problem);
  SplitSolver solver(problem, graph, SplitCost::kLoad);
  const auto lattice = IdealLattice::prefixes(numbered_order(graph), kMostPrefixes);
  std::optional<Split> split = solver.solve(lattice, {});
  if (!split) {
    split = solver.solve(lattice, {.relaxed = true});
  }
  return placement_of(*split, graph, problem.constraints);
}

class BranchAndBound : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("branch-and-bound", options.parameters).check();
    Incumbent incumbent(problem, options, "branch-and-bound");
    incumbent.evaluate_initial();
    const Placement start = linear_start(problem);
    incumbent.evaluate({&start, 1});
    const auto objective = bounded_objective(problem.evaluator.name());
    std::optional<std::int64_t> bound;
    if (objective) {
      bound = lower_bound(problem.costs, problem.constraints, *objective).cost;
    }
    bool finished = incumbent.best() && bound && incumbent.best_outcome().cost() <= *bound;
    std::string trouble;
    if (!finished && problem.costs.graph().size() > kMostNodes) {
      trouble = fmt::format("{} nodes: branch and bound is for at most {}",
                            problem.costs.graph().size(), kMostNodes);
    } else if (!finished) {
      finished = search(problem, incumbent, objective);
    }
    SearchResult result = incumbent.finish();
    result.trouble = std::move(trouble);
    result.lower_bound = bound;
    if (finished && result.best) {
      result.lower_bound = result.outcome.cost();
    }
    return result;
  }

 private:
  static bool search(const Problem& problem, Incumbent& incumbent,
                     std::optional<BoundedObjective> objective) {
    if (objective == BoundedObjective::kStepTime) {
      return ScheduleSearch(problem, incumbent).run();
    }
    const UnitTable units(problem);
    return PlacementSearch(problem, units, incumbent, objective == BoundedObjective::kMaxLoad)
        .run();
  }
};

}  // namespace

std::unique_ptr<Algorithm> branch_and_bound() {
  return std::make_unique<BranchAndBound>();
}

}  // namespace placer
