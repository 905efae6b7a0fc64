#pragma once

// With which weights a search from nothing begins, where its learner has several ways to
// (Learner::ways_to_begin).

#include <cstdint>
#include <optional>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "policy/learner.h"

namespace placer::policy {

struct FirstRound {
  std::uint64_t number = 0;
  std::vector<Proposal> proposals;  // that were drawn to try it
  std::vector<Outcome> outcomes;    // of these
};

// Tries the fresh weights of a round of every way with a few samples each: that with the best
// sample, the first of equals. The learner has its weights then. Nothing where the budget ends
// before.
[[nodiscard]] std::optional<FirstRound> choose_first_round(Learner& learner, Incumbent& incumbent,
                                                           std::uint64_t seed);

}  // namespace placer::policy
