#pragma once

// With what a search from nothing begins, where the fresh weights of its learner can begin in
// several ways (TrainingParameters::starts).

#include <cstdint>
#include <optional>

#include "placer/algorithm/incumbent.h"
#include "policy/learner.h"

namespace placer::policy {

// Tries the fresh weights of rounds 0 to starts - 1 with a few samples each: the round whose best
// sample is the best, the first of equals. Nothing where the budget ends before. Leaves the learner
// with the weights of the last one.
[[nodiscard]] std::optional<std::uint64_t> best_start(Learner& learner, Incumbent& incumbent,
                                                      std::uint64_t seed, std::uint64_t starts);

}  // namespace placer::policy
