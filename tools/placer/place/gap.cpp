#include "tools/placer/place/gap.h"

#include <algorithm>

#include <fmt/format.h>

#include "tools/placer/place/objective_text.h"

namespace placer::cli {
namespace {

constexpr double kRounding = 1e-6;  // bounds are rounded down to whole picoseconds

// Whether ops may start without the overhead that bounds count on.
bool leaves_overhead_out(const sim::Model& model, const Cluster& cluster) {
  const bool free =
      model.launch == sim::Launch::kNone || model.launch == sim::Launch::kAsynchronous;
  return free && std::any_of(cluster.devices().begin(), cluster.devices().end(),
                             [](const Device& device) { return device.overhead.ps > 0; });
}

}  // namespace

std::optional<LowerBound> bound_of(const SearchSpace& space) {
  const auto objective = bounded_objective(space.objective());
  const bool of_steps = objective == BoundedObjective::kStepTime;
  if (!objective || (of_steps && leaves_overhead_out(space.model(), space.costs().cluster()))) {
    return std::nullopt;
  }
  return lower_bound(space.costs(), space.constraints(), *objective);
}

std::optional<LowerBound> best_bound(std::optional<LowerBound> bound,
                                     std::span<const Candidate> candidates) {
  for (const Candidate& candidate : candidates) {
    if (candidate.lower_bound && (!bound || *candidate.lower_bound > bound->cost)) {
      bound = {*candidate.lower_bound, "proven by " + candidate.algorithm};
    }
  }
  return bound;
}

std::optional<double> gap(const Outcome& outcome, const std::optional<LowerBound>& bound) {
  if (!bound || !outcome.feasible()) {
    return std::nullopt;
  }
  if (outcome.cost() <= bound->cost) {
    return 0;
  }
  if (bound->cost <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(outcome.cost()) / static_cast<double>(bound->cost) - 1;
}

std::string gap_text(const SearchSpace& space, const Outcome& outcome,
                     const std::optional<LowerBound>& bound) {
  const auto share = gap(outcome, bound);
  if (!share) {
    return "";
  }
  if (*share < kRounding) {
    return "optimal (" + bound->decided_by + ")";
  }
  Outcome least;
  least.score = bound->cost;
  return fmt::format("at most {:.1f} % above the best possible (bound: {}, {})", 100 * *share,
                     ObjectiveText(space.objective()).value(least), bound->decided_by);
}

}  // namespace placer::cli
