#pragma once

// "Use at most N devices": which ones.

#include <cstddef>

#include "placer/algorithm/algorithm.h"

namespace placer {

// The problem's constraints, narrowed to the set of `most` devices that cheap heuristics do best on
// (each device alone, the expert's split, HEFT), judged by the problem's evaluator; ties to the
// lowest devices. Devices that could change places without changing anything stand for one another,
// so only sets that differ are tried. Where there are more than 200 of these, devices are given up
// one by one instead, each time the one whose loss costs least. A set that the heuristics like best
// need not be the best set.
//   most    0, or the number of devices or more: nothing changes
//   throws  Error(kUsage) when no set of that size can run every node
[[nodiscard]] Constraints with_at_most(const Problem& problem, std::size_t most);

}  // namespace placer
