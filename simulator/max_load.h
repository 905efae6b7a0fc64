#pragma once

// Throughput of a pipeline: the load of its busiest device (Tarnawski et al., NeurIPS 2020,
// section 3). What the formulas are: docs/objectives.md.

#include <memory>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"
#include "simulator/simulator.h"

namespace placer::sim {

// Outcomes: step_time the largest load, busy the loads, peak_memory what the units hold. Infeasible
// are memory over its limit and, where `constraints` say contiguous, a device that is left and
// entered again. Offers incremental(): O(degree of the unit) a move, and O(forward edges) where
// contiguous. `costs` must outlive it.
//   throws  Error(kUsage) when all times together exceed 2^62 ps
[[nodiscard]] std::unique_ptr<Evaluator> make_max_load(const CostModel& costs,
                                                       const Constraints& constraints,
                                                       const SimulatorOptions& options);

}  // namespace placer::sim
