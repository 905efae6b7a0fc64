#pragma once

// The objective "peak-memory": the most that any device holds at any time of the simulated step.

#include <memory>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "simulator/simulator.h"

namespace placer::sim {

// Outcomes are the event simulator's, with score the largest peak_memory in bytes. `costs` must
// outlive it.
//   throws  as make_simulator()
[[nodiscard]] std::unique_ptr<Evaluator> make_peak_memory(const CostModel& costs,
                                                          const SimulatorOptions& options);

}  // namespace placer::sim
