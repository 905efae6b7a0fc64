#pragma once

// Placement of large graphs: coarsen, place, refine on the way back.

#include <memory>

#include "placer/algorithm/algorithm.h"

namespace placer {

// The graph is contracted level by level along heavy edges without making cycles
// (acyclic_clustering.h). From the coarsest level to the graph itself, contention-aware list
// schedules (contention_list.h) over the fastest 1, 2, 4, ... devices at several prices of
// communication are set against what the level above found, and the better one is improved by
// large neighbourhood search (Shaw, CP 1998): a stretch of time, a few devices, or units at random
// are freed and scheduled anew around the rest, and the result is kept where it is no worse.
// Contracted levels are judged by a model of the simulator (step_model.h), the graph itself by
// the evaluator. Further rounds contract only what is together already, so that they go on from
// the best placement, as the iterated multilevel partitioners do (Walshaw 2004). Where the
// heuristics have been tried (SearchOptions::heuristics_tried) it goes on from them at once.
// Parameters: effort (passes over the graph that a round spends on each level).
[[nodiscard]] std::unique_ptr<Algorithm> multilevel();
void check_multilevel(ParameterList given);

// The list schedule alone, on the graph itself: the best of all numbers of devices and prices, each
// followed by one pass that expects readers where the first put them.
[[nodiscard]] std::unique_ptr<Algorithm> contention_list_scheduling();

// The same in the order of time (online_list.h), with that order as the priorities.
[[nodiscard]] std::unique_ptr<Algorithm> online_list_scheduling();

// multilevel, contention-list, online-list.
void register_multilevel(AlgorithmRegistry& registry);

}  // namespace placer
