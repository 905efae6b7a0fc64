#include "policy/round.h"

#include <algorithm>
#include <utility>

#include "placer/algorithm/incumbent.h"

namespace placer::policy {

void Round::record(const Constraints& constraints, std::span<const Proposal> proposals,
                   std::span<const Outcome> outcomes) {
  ++state_.updates;
  ++state_.stale;
  admit(constraints, proposals, outcomes);
}

void Round::admit(const Constraints& constraints, std::span<const Proposal> proposals,
                  std::span<const Outcome> outcomes) {
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    if (!outcomes[i].feasible()) continue;
    const std::int64_t cost = outcomes[i].cost();
    if (!state_.best || cost < *state_.best) {
      state_.best = cost;
      state_.stale = 0;
    }
    const bool measured = !outcomes[i].timed_steps.empty();
    if (!measured && !enters(cost)) continue;
    Proposal proposal = proposals[i];
    // What was judged is the sample with divided units put together; what was drawn besides the
    // devices would not lead there.
    if (proposal.latent.empty()) {
      proposal.placement = conforming(constraints, std::move(proposal.placement));
    }
    // Measured again: the time of all its steps counts, be it more than what was known before.
    if (measured) drop(proposal.placement);
    if (enters(cost)) keep(cost, std::move(proposal));
  }
}

bool Round::enters(std::int64_t cost) const {
  const std::vector<Elite>& elites = state_.elites;
  return capacity_ > 0 && (elites.size() < capacity_ || cost < elites.back().cost);
}

void Round::drop(const Placement& placement) {
  std::erase_if(state_.elites,
                [&](const Elite& elite) { return elite.proposal.placement == placement; });
}

void Round::keep(std::int64_t cost, Proposal proposal) {
  std::vector<Elite>& elites = state_.elites;
  const auto known = std::find_if(elites.begin(), elites.end(), [&](const Elite& elite) {
    return elite.proposal.placement == proposal.placement;
  });
  // Seen again: where times are noisy the shorter one counts.
  if (known != elites.end()) {
    if (cost >= known->cost) return;
    elites.erase(known);
  }
  const auto place =
      std::upper_bound(elites.begin(), elites.end(), cost,
                       [](std::int64_t value, const Elite& elite) { return value < elite.cost; });
  elites.insert(place, {cost, std::move(proposal)});
  if (elites.size() > capacity_) elites.pop_back();
}

bool Round::fruitless(std::uint64_t patience) const {
  return patience > 0 && state_.stale >= std::max(patience, state_.updates / 4);
}

}  // namespace placer::policy
