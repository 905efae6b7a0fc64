#pragma once

// What a search minimises, by name. The step time comes from the event simulator; the others are
// formulas over the placement (docs/objectives.md).

#include <memory>
#include <string>
#include <string_view>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"
#include "simulator/simulator.h"

namespace placer::sim {

// "step-time", "max-load", "latency", "peak-memory"; a weighted sum of them ("step-time+0.2*peak-memory", each
// relative to its value on the best single device) or a lexicographic order ("max-load,peak-memory").
//   throws  Error(kUsage) for other text
[[nodiscard]] std::unique_ptr<Evaluator> make_objective(std::string_view objective,
                                                        const CostModel& costs,
                                                        const Constraints& constraints,
                                                        const SimulatorOptions& options);

}  // namespace placer::sim
