#pragma once

// What an outcome teaches: the reward of a step time, the failing signal of an infeasible
// placement, the moving-average baseline. The only place in policy/ that decides what an infeasible
// placement is worth.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/parameters.h"

namespace placer::policy {

// The time, by the cost model, of the whole step on the best single device that can run all of it,
// one op after the other; where no device can, the sum of each op's shortest time. At least a
// picosecond.
[[nodiscard]] SimTime reference_time(const Problem& problem);

// Reward R = -sqrt(t / unit), with unit the reference time or a second (Mirhoseini et al., ICML
// 2017, section 3.1).
class RewardRule {
 public:
  RewardRule(const ColocrlParameters& parameters, SimTime reference);

  // `failing` reference times where the outcome is infeasible.
  [[nodiscard]] double reward(const Outcome& outcome) const;
  [[nodiscard]] double failing_reward() const;

 private:
  double unit_;     // seconds
  double failing_;  // seconds
};

// What the moving average and the scale of advantages have seen so far.
struct BaselineState {
  bool started = false;
  double value = 0;        // B, in units of reward
  double mean_square = 0;  // moving average of (R - B)^2

  bool operator==(const BaselineState&) const = default;
};

// Moving averages B <- decay * B + (1 - decay) * mean(R) and, for normalising, of (R - B)^2.
class Baseline {
 public:
  // `start`: the failing signal, or nothing for the mean of the first rewards.
  Baseline(double decay, bool normalize, std::optional<double> start);

  // Advantages of one update's rewards (not empty) against the baseline before it, then moves the
  // baseline.
  [[nodiscard]] std::vector<double> advantages(std::span<const double> rewards);

  [[nodiscard]] const BaselineState& state() const { return state_; }
  void restore(const BaselineState& state) { state_ = state; }

 private:
  double decay_;
  bool normalize_;
  BaselineState state_;
};

}  // namespace placer::policy
