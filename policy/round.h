#pragma once

// What one policy has found since its weights were fresh: the placements that it imitates, and
// whether it still finds better ones.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/learner.h"

namespace placer::policy {

struct Elite {
  std::int64_t cost = 0;  // Outcome::cost()
  Proposal proposal;

  bool operator==(const Elite&) const = default;
};

struct RoundState {
  double start = 0;                  // share of the budget that was spent before the round
  std::uint64_t updates = 0;         // of the policy in this round
  std::uint64_t stale = 0;           // updates since `best` was found
  std::optional<std::int64_t> best;  // cost
  std::vector<Elite> elites;         // of the best distinct placements, best first

  bool operator==(const RoundState&) const = default;
};

class Round {
 public:
  // Keeps up to `elites` placements; `start` as in RoundState.
  Round(std::size_t elites, double start) : capacity_(elites) { state_.start = start; }

  // One update's samples and what became of them.
  void record(const Constraints& constraints, std::span<const Proposal> proposals,
              std::span<const Outcome> outcomes);

  // Placements that the policy did not draw, to imitate until it finds better ones.
  void admit(const Constraints& constraints, std::span<const Proposal> proposals,
             std::span<const Outcome> outcomes);

  // Nothing better in `patience` updates (0: never fruitless) and in the last quarter of the round:
  // where learning is slow, so is giving up.
  [[nodiscard]] bool fruitless(std::uint64_t patience) const;

  [[nodiscard]] const RoundState& state() const { return state_; }
  void restore(RoundState state) { state_ = std::move(state); }

 private:
  // Is it good enough for the elites?
  [[nodiscard]] bool enters(std::int64_t cost) const;
  // Takes a placement out, if it is there.
  void drop(const Placement& placement);
  // Adds one that enters, unless its placement is there already.
  void keep(std::int64_t cost, Proposal proposal);

  std::size_t capacity_;
  RoundState state_;
};

}  // namespace placer::policy
