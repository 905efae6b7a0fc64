#pragma once

// The smallest simulated step time of a small graph on identical devices, with proof.

#include <cstdint>

#include "placer/algorithm/algorithm.h"

namespace placer::policy::test {

struct Optimum {
  SimTime time;
  Placement placement;
  std::uint64_t leaves = 0;  // complete placements that were simulated
};

// Branch and bound over placements in topological order. Devices are interchangeable (the cluster
// must be uniform), so that a node may open at most one device that is not used yet. A partial
// placement is cut off where a lower bound of the step time of every completion reaches the best so
// far:
//   start(v) >= max over inputs u of start(u) + time(u) + (0 on one device, the transfer's time on
//               two)
//   step     >= start(v) + longest time from v on, transfers free
//   step     >= for each device: first start + work + shortest remainder after any of its ops
// All hold for any schedule, so the result is the optimum whatever the evaluator's order and
// contention.
[[nodiscard]] Optimum find_optimum(const Problem& problem, const Placement& start);

}  // namespace placer::policy::test
