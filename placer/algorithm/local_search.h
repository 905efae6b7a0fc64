#pragma once

// Searches that go from placement to placement by small moves (neighbourhood.h), or that breed
// placements. All start from options.initial and from splits of their own.

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer {

// Hill climbing with restarts: moves of a unit towards a neighbour's device or off the busiest
// device, swaps, runs of units; from each initial placement, then from disturbed copies of the
// best. Parameters: batch (proposals judged at once), patience (proposals without gain before a
// restart), kick (share of units a restart moves).
[[nodiscard]] std::unique_ptr<Algorithm> hill_climb();
void check_hill_climb(ParameterList given);

// Simulated annealing (Kirkpatrick, Gelatt, Vecchi, Science 1983), geometric cooling. Memory over
// its limit costs extra, by a price that rises while the search stays there; only what fits becomes
// the answer. Parameters: temperature (of the first moves, as a share of the start's cost), cooling
// (the last over the first), guide (weight of MoveValue::guide), batch (moves judged at once where
// the objective has no incremental evaluation), chains (side by side; 0: see chains.h), legs (from
// hot to cold; the second and later start from the best so far).
[[nodiscard]] std::unique_ptr<Algorithm> annealing();
void check_annealing(ParameterList given);

// Tabu search (Glover, ORSA Journal on Computing 1989): of a sample of moves makes the best whose
// units were not moved lately, worse or not. Parameters: candidates (the sample), tenure (moves for
// which a unit stays, up to twice that; 0: 5 and the root of the number of units), patience (moves
// without gain before it restarts near the best; 0: eight for every unit), chains.
[[nodiscard]] std::unique_ptr<Algorithm> tabu();
void check_tabu(ParameterList given);

// Biased random-key genetic algorithm (Goncalves, Resende, Journal of Heuristics 2011): keys in
// [0, 1) become devices; a child takes each key of a parent of the elite with probability `bias`,
// else of one of the others. Parameters: population (0: two for every unit, 20 to 200), elite and
// mutants (shares of it), bias, priorities (1: further keys become execution priorities).
[[nodiscard]] std::unique_ptr<Algorithm> genetic();
void check_genetic(ParameterList given);

// hill-climb, annealing, tabu, genetic.
void register_local_search(AlgorithmRegistry& registry);

}  // namespace placer
