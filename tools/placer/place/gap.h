#pragma once

// How far from the best possible a placement can be at most.

#include <optional>
#include <span>
#include <string>

#include "placer/bound/lower_bound.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/place/search_space.h"

namespace placer::cli {

// Of the space's objective; nothing for combinations, nor for a model of the step in which ops take
// less than CostModel says.
[[nodiscard]] std::optional<LowerBound> bound_of(const SearchSpace& space);
// The same, or what a search has proven where that is higher.
[[nodiscard]] std::optional<LowerBound> best_bound(std::optional<LowerBound> bound,
                                                   std::span<const Candidate> candidates);

// cost / bound - 1; nothing where that has no meaning: infeasible, or a bound of 0 that is missed.
[[nodiscard]] std::optional<double> gap(const Outcome& outcome,
                                        const std::optional<LowerBound>& bound);

// "at most 3.2 % above the best possible (21.226 ms: load balance)" or "optimal (load balance)";
// empty without a gap.
[[nodiscard]] std::string gap_text(const SearchSpace& space, const Outcome& outcome,
                                   const std::optional<LowerBound>& bound);

}  // namespace placer::cli
