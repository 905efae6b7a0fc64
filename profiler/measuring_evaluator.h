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

// Whether timed steps are launched as a whole (Executor::capture).
enum class Capture : std::uint8_t {
  kNever,
  kWherePossible,
  kAlways  // what cannot be captured is infeasible
};

struct MeasureOptions {
  int repeats = 3;        // timed steps of one evaluation; the reward is their median
  int warm_up = 1;        // discarded after every change of placement
  int first_warm_up = 5;  // discarded before anything else
  // A step may take this many times the best median so far; 0: first_limit_seconds, whatever others
  // took.
  double limit_factor = 4;
  double first_limit_seconds = 120;  // while nothing has been measured; 0: no limit
  Capture capture = Capture::kNever;
  // Called after every step, a discarded one too: a sign of life.
  std::function<void()> on_step = nullptr;
};

// One timed step an evaluation, for placements that are measured in turn. The limit does not follow
// the best so far: that would turn a pause of the machine into a failure of the placement.
[[nodiscard]] inline MeasureOptions one_step() {
  return {.repeats = 1, .limit_factor = 0};
}

// Wall time of whole steps.
[[nodiscard]] std::unique_ptr<Evaluator> make_measuring_evaluator(Executor& executor,
                                                                  const MeasureOptions& options);

}  // namespace placer::profile
