#pragma once

// How sure a measured step time is, from how much the steps of one placement differ.

#include <cstddef>
#include <span>

#include "placer/base/units.h"

namespace placer {

// Variance of single steps about the mean of their placement, relative to that mean, pooled over
// placements: a few steps each say little, all of them together enough.
class StepNoise {
 public:
  // The timed steps of one placement.
  void add(std::span<const SimTime> steps);

  // Squared standard error of the median of so many steps, relative to it: pi / (2 n) times the
  // variance, that of many normal samples. 0 while no placement had two steps, and of no steps.
  [[nodiscard]] double squared_error(std::size_t steps) const;

 private:
  double sum_ = 0;  // of squared relative deviations
  double degrees_of_freedom_ = 0;
};

}  // namespace placer
