#include "policy/round.h"

#include <algorithm>
#include <utility>

#include "placer/algorithm/incumbent.h"

namespace placer::policy {

void Round::record(const Constraints& constraints, std::span<const Placement> placements,
                   std::span<const Outcome> outcomes) {
  ++state_.updates;
  ++state_.stale;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    if (!outcomes[i].feasible()) continue;
    const SimTime time = outcomes[i].step_time;
    if (!state_.best || time < *state_.best) {
      state_.best = time;
      state_.stale = 0;
    }
    // What was judged is the sample with divided units put together.
    if (enters(time)) keep(time, conforming(constraints, placements[i]));
  }
}

bool Round::enters(SimTime step_time) const {
  const std::vector<Elite>& elites = state_.elites;
  return capacity_ > 0 && (elites.size() < capacity_ || step_time < elites.back().step_time);
}

void Round::keep(SimTime step_time, Placement placement) {
  std::vector<Elite>& elites = state_.elites;
  const auto known = std::find_if(elites.begin(), elites.end(),
                                  [&](const Elite& elite) { return elite.placement == placement; });
  // Seen again: where times are noisy the shorter one counts.
  if (known != elites.end()) {
    if (step_time >= known->step_time) return;
    elites.erase(known);
  }
  const auto place =
      std::upper_bound(elites.begin(), elites.end(), step_time,
                       [](SimTime time, const Elite& elite) { return time < elite.step_time; });
  elites.insert(place, {step_time, std::move(placement)});
  if (elites.size() > capacity_) elites.pop_back();
}

bool Round::fruitless(std::uint64_t patience) const {
  return patience > 0 && state_.stale >= std::max(patience, state_.updates / 4);
}

}  // namespace placer::policy
