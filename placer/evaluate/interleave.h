#pragma once

// Placements measured against each other in turn (A B C A B C ...), so that a change of the
// machine's speed hits all of them.

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "placer/evaluate/evaluator.h"

namespace placer {

// One of them. Evaluators may differ (another cluster, the same graph); each takes one sample per
// evaluation.
struct Contender {
  Evaluator* evaluator = nullptr;
  Placement placement;
};
struct Series {
  std::vector<double> seconds;           // one per round
  std::optional<Infeasible> infeasible;  // then the series ends early and the contender sits out
};
//   keep_going  called after every round; false ends the measurement
[[nodiscard]] std::vector<Series> measure_interleaved(
    std::span<const Contender> contenders,
    const std::function<bool(std::span<const Series>)>& keep_going);

}  // namespace placer
