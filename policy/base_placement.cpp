#include "policy/base_placement.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "placer/algorithm/starts.h"
#include "placer/algorithm/unit_table.h"

namespace placer::policy {

BasePlacement::BasePlacement(const Problem& problem, const TrainingParameters& training,
                             std::uint64_t seed, Incumbent& incumbent, Learner& learner)
    : problem_(problem),
      training_(training),
      seed_(seed),
      incumbent_(incumbent),
      learner_(learner) {}

void BasePlacement::find() {
  const UnitTable units(problem_);
  const std::vector<Choice> starts = starting_choices(problem_, units, incumbent_);
  // Stopped before anything was judged: nobody goes on from here, and nothing is known of it.
  restore({.placement =
               conforming(problem_.constraints,
                          units.placement(starts.empty() ? Choice(units.size()) : starts.front())),
           .cost = base_cost(incumbent_.best_outcome())});
}

void BasePlacement::decode(std::optional<std::size_t> most) {
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds && !incumbent_.exhausted(); ++round) {
    const std::optional<Placement> before = incumbent_.best();
    incumbent_.evaluate(placements_of(learner_.decode(most)));
    if (incumbent_.best() == before) return;
    restore({.placement = *incumbent_.best(), .cost = base_cost(incumbent_.best_outcome())});
  }
}

void BasePlacement::step(std::uint64_t update, std::span<const Proposal> proposals,
                         std::span<const Outcome> outcomes) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < proposals.size(); ++i) {
    best = better(outcomes[i], outcomes[best]) ? i : best;
  }
  if (!accepts(update, outcomes[best])) return;
  restore({.placement = conforming(problem_.constraints, proposals[best].placement),
           .cost = base_cost(outcomes[best])});
}

bool BasePlacement::accepts(std::uint64_t update, const Outcome& outcome) const {
  const std::optional<std::int64_t>& base = base_.cost.cost;
  if (!base) return improvement(base_.cost, outcome) > 0;
  if (!outcome.feasible()) return false;
  if (outcome.cost() <= *base) return true;
  const double rise = static_cast<double>(outcome.cost() - *base) /
                      static_cast<double>(std::max<std::int64_t>(*base, 1));
  constexpr double kLast = 1e-3;
  const double temper = training_.temper * std::pow(kLast, incumbent_.clock().fraction());
  const std::uint64_t keys[] = {update, static_cast<std::uint64_t>(training_.k)};
  return Rng::keyed(seed_, keys).uniform() < std::exp(-rise / temper);
}

void BasePlacement::restore(Base base) {
  base_ = std::move(base);
  learner_.rebase(base_.placement);
}

}  // namespace placer::policy
