#pragma once

// What no placement can beat, so that an answer comes with how far from the best it can be.
// docs/bounds.md describes each bound.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "placer/cost/cost_model.h"
#include "placer/placement/constraints.h"

namespace placer {

enum class BoundedObjective : std::uint8_t { kStepTime, kMaxLoad, kLatency, kPeakMemory };

// "step-time" (also "simulated", the event simulator's own name), "max-load", "latency",
// "peak-memory"; nothing for a combination of them.
[[nodiscard]] std::optional<BoundedObjective> bounded_objective(std::string_view name);

struct LowerBound {
  std::int64_t cost = 0;   // in the unit of Outcome::cost(): picoseconds, or bytes of peak memory
  std::string decided_by;  // the bound that is highest, for people: "critical path"
};

// No placement that keeps `constraints` costs less. For the step time it holds with or without
// contention and for any execution order, as long as ops take no less than CostModel says.
//   cost  O((V + E) C^2) for C classes of devices; on graphs of at most 600 units max-load also
//         solves a linear program
[[nodiscard]] LowerBound lower_bound(const CostModel& costs, const Constraints& constraints,
                                     BoundedObjective objective);

}  // namespace placer
