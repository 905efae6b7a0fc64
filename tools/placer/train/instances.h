#pragma once

// The problems that `placer train` draws.

#include <cstdint>
#include <memory>

#include "placer/formats/training_format.h"
#include "policy/torch/generalist.h"

namespace placer::cli {

// A graph of one of the families on a cluster of its own, judged by the simulator, at the level
// that `placer place` searches; starts from what a quick heuristic makes of it. The same seed and
// index give the same problem.
[[nodiscard]] std::unique_ptr<policy::Instance> draw_instance(const ProblemRanges& ranges,
                                                              std::uint64_t seed,
                                                              std::uint64_t index);

}  // namespace placer::cli
