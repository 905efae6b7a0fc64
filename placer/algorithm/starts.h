#pragma once

// Where searches start.

#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/unit_table.h"

namespace placer {

using Choice = std::vector<DeviceId>;  // [units]

// Units by where the work of their forward ops lies in the topological order: their first node may
// be a parameter that is read at the end of the step.
[[nodiscard]] std::vector<std::size_t> forward_order(const Problem& problem,
                                                     const UnitTable& units);

// Over the fastest device, the two fastest, and so on: units in that order, cut into one run for each
// of these devices, as long as the device's share of their speed and its memory allow; what is left
// is on the last. Units that may not use their run's device are on the fastest that they may use.
[[nodiscard]] std::vector<Choice> contiguous_splits(const Problem& problem, const UnitTable& units);

// options.initial, or without any everything on each device; and contiguous splits over one device
// and more. Judged as far as the budget allows; best first, each once.
[[nodiscard]] std::vector<Choice> starting_choices(const Problem& problem, const UnitTable& units,
                                                   Incumbent& incumbent);

}  // namespace placer
