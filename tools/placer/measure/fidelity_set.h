#pragma once

// Which placements the simulator is held against measurements on, and the comparison itself
// (docs/simulator.md).

#include <cstdint>
#include <string>
#include <vector>

#include "placer/evaluate/statistics.h"
#include "tools/placer/place/candidates.h"

namespace placer::cli {

struct NamedPlacement {
  std::string name;
  Placement placement;  // op by op
};

// A seeded set of `count` distinct placements: every heuristic's (single devices among them), the
// finalists of short searches, and in equal parts random contiguous splits of the groups and
// placements drawn group by group.
[[nodiscard]] std::vector<NamedPlacement> fidelity_set(SearchSpace& space, std::size_t count,
                                                       std::uint64_t seed);

struct FidelityReport {
  std::size_t placements = 0;
  std::size_t several_devices = 0;  // of these, on more than one device
  Fidelity simulated;               // simulated against measured
  Fidelity noise_floor;             // one half of the samples against the other
};

// `samples`: [placements][rounds], the rounds of all placements interleaved.
[[nodiscard]] FidelityReport compare_with_simulator(
    const std::vector<NamedPlacement>& placements, const std::vector<double>& simulated_seconds,
    const std::vector<std::vector<double>>& samples);

}  // namespace placer::cli
