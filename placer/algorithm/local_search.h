#pragma once

// Searches that go from placement to placement by small moves (neighbourhood.h), or that breed
// placements. All start from options.initial and from splits of their own.

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer {

// Simulated annealing (Kirkpatrick, Gelatt, Vecchi, Science 1983), geometric cooling. Memory over
// its limit costs extra, by a price that rises while the search stays there; only what fits becomes
// the answer. Parameters: temperature (of the first moves, as a share of the start's cost), cooling
// (the last over the first), guide (weight of MoveValue::guide), batch (moves judged at once where
// the objective has no incremental evaluation).
[[nodiscard]] std::unique_ptr<Algorithm> annealing();
void check_annealing(ParameterList given);

void register_local_search(AlgorithmRegistry& registry);

}  // namespace placer
