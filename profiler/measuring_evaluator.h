#pragma once

// Measures step times of placements with the executor, by the method of docs/measuring.md.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "profiler/executor.h"

namespace placer::profile {

struct MeasureOptions {
  int repeats = 3;          // timed steps of one evaluation; the reward is their median
  int warm_up = 1;          // discarded after every change of placement
  int first_warm_up = 5;    // discarded before anything else
  double limit_factor = 4;  // a step may take this many times the best median so far; 0: no limit
  double first_limit_seconds = 120;
  std::function<void()> on_step =
      nullptr;  // called after every step, a discarded one too: a sign of life
};

// Wall time of whole steps.
[[nodiscard]] std::unique_ptr<Evaluator> make_measuring_evaluator(Executor& executor,
                                                                  const MeasureOptions& options);

// One of the placements that are measured against each other; executors may differ (another
// cluster, the same graph).
struct Contender {
  Executor* executor = nullptr;
  Placement placement;
};
struct Series {
  std::vector<double> seconds;           // one per round
  std::optional<Infeasible> infeasible;  // then the series ends early and the contender sits out
};
// Samples of several contenders taken in turn (A B C A B C ...), one discarded step after every
// switch.
// A step may take options.first_limit_seconds, whatever others took.
//   keep_going  called after every round; false ends the measurement
[[nodiscard]] std::vector<Series> measure_interleaved(
    std::span<const Contender> contenders, const MeasureOptions& options,
    const std::function<bool(std::span<const Series>)>& keep_going);

}  // namespace placer::profile
