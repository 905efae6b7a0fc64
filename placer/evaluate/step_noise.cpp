#include "placer/evaluate/step_noise.h"

#include <numbers>

namespace placer {

void StepNoise::add(std::span<const SimTime> steps) {
  if (steps.size() < 2) return;
  const auto count = static_cast<double>(steps.size());
  double mean = 0;
  for (const SimTime step : steps) mean += step.seconds() / count;
  if (!(mean > 0)) return;
  for (const SimTime step : steps) {
    const double deviation = (step.seconds() - mean) / mean;
    sum_ += deviation * deviation;
  }
  degrees_of_freedom_ += count - 1;
}

double StepNoise::squared_error(std::size_t steps) const {
  if (steps == 0 || degrees_of_freedom_ == 0) return 0;
  return std::numbers::pi / 2 * sum_ / degrees_of_freedom_ / static_cast<double>(steps);
}

}  // namespace placer
