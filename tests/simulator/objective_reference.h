#pragma once

// The closed-form objectives as docs/objectives.md writes them, in plain doubles and sets: slow, and
// nothing in common with the simulator's tables.

#include <optional>

#include "placer/cost/load_model.h"
#include "placer/placement/placement.h"

namespace placer::test {

// Largest load, in microseconds.
[[nodiscard]] double reference_max_load(const LoadModel& model, const Placement& placement);
// In microseconds; nothing: the blocks depend on each other in a cycle.
[[nodiscard]] std::optional<double> reference_latency(const LoadModel& model,
                                                      const Placement& placement);

}  // namespace placer::test
