#pragma once

// Latency of one sample: the longest path when every accelerator runs its nodes as one block and
// CPU cores are unlimited (Tarnawski et al., NeurIPS 2020, section 4). What the formulas are:
// docs/objectives.md.

#include <memory>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"
#include "simulator/simulator.h"

namespace placer::sim {

// Outcomes: step_time the latency, busy the blocks' durations (CPU devices: the sum of their ops),
// peak_memory what the units hold. Infeasible are memory over its limit, and blocks that wait for
// one another in a cycle. Offers incremental(): O(V + E) a move. `costs` must outlive it.
//   throws  Error(kUsage) when all times together exceed 2^62 ps
[[nodiscard]] std::unique_ptr<Evaluator> make_latency(const CostModel& costs,
                                                      const Constraints& constraints,
                                                      const SimulatorOptions& options);

}  // namespace placer::sim
