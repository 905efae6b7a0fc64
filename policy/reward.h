#pragma once

// What an outcome teaches: the reward of a step time, the failing signal of an infeasible
// placement, the moving-average baseline. The only place in policy/ that decides what an infeasible
// placement is worth.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/evaluate/step_noise.h"
#include "policy/parameters.h"

namespace placer::policy {

// The time, by the cost model, of the whole step on the best single device that can run all of it,
// one op after the other; where no device can, the sum of each op's shortest time. At least a
// picosecond.
[[nodiscard]] SimTime reference_time(const Problem& problem);

// What a search learned of its rewards.
struct RewardState {
  std::optional<std::int64_t> score_unit;  // of objectives that are no time
  double slowest = 0;                      // feasible outcome, in reference times or score units

  bool operator==(const RewardState&) const = default;
};

// Reward R = -sqrt(t / unit), with unit the reference time or a second (Mirhoseini et al., ICML
// 2017, section 3.1). Where the objective is no time, t is its score and the unit the least score
// of the first update that had a feasible placement.
class RewardRule {
 public:
  RewardRule(const TrainingParameters& parameters, SimTime reference);

  // Of an infeasible outcome that of `failing` reference times or score units, or of the slowest
  // feasible outcome so far if that is more: what does not fit is never better than what does.
  [[nodiscard]] double reward(const Outcome& outcome) const;
  // Squared standard error of the reward of a measured outcome: dR = R dt / 2t. 0 of others.
  [[nodiscard]] double squared_error(const Outcome& outcome, const StepNoise& noise) const;
  // Learns from an update's outcomes, which reward() is asked for afterwards.
  void settle(std::span<const Outcome> outcomes);

  [[nodiscard]] const RewardState& state() const { return state_; }
  void restore(const RewardState& state) { state_ = state; }
  [[nodiscard]] double failing_reward() const;

 private:
  // In reference times, or of scores in score units.
  [[nodiscard]] double relative_cost(const Outcome& feasible) const;

  double failing_;    // reference times
  double reference_;  // seconds
  double unit_;       // seconds
  RewardState state_;
};

// What a placement that is to be improved costs.
struct BaseCost {
  std::optional<std::int64_t> cost;  // nothing: infeasible
  Bytes missing;                     // of one that does not fit

  bool operator==(const BaseCost&) const = default;
};
[[nodiscard]] BaseCost base_cost(const Outcome& outcome);

// What a change of it gained, in [0, 1]: the share of its cost that was saved; where it is
// infeasible, 1 for a feasible one and the share of the missing bytes that were found. A change
// that is worse gains nothing, and so does one that changes nothing: what is learned is to find
// improvements, not to avoid harm.
[[nodiscard]] double improvement(const BaseCost& base, const Outcome& outcome);

// Squared standard error of the improvement that a measured outcome is: its time is 1 - improvement
// of what is improved, where it is better. 0 of predicted ones.
[[nodiscard]] double improvement_error(double improvement, const Outcome& outcome,
                                       const StepNoise& noise);

// How far apart the timed steps of one placement are, from an update's outcomes; of predicted ones
// nothing.
[[nodiscard]] StepNoise noise_of(std::span<const Outcome> outcomes);

// The share of what is behind an outcome that did not teach before: all of a predicted or newly
// measured one, nothing of one that was only remembered.
[[nodiscard]] double new_share(const Outcome& outcome);

// What the moving average and the scale of advantages have seen so far.
struct BaselineState {
  bool started = false;
  double value = 0;        // B, in units of reward
  double mean_square = 0;  // moving average of squared advantages

  bool operator==(const BaselineState&) const = default;
};

// With R the rewards of an update, moving averages B <- decay * B + (1 - decay) * mean(R) and, for
// normalising, of the squared advantages. The advantage of a reward is R - B or, with
// BaselineKind::kBatch, R less the mean of the update's other rewards, which it is independent of
// (Kool et al., ICLR 2019 workshop), or, with kValue, R - V with V the learner's prediction.
class Baseline {
 public:
  // `start`: the failing signal, or nothing for the mean of the first rewards.
  Baseline(const TrainingParameters& parameters, std::optional<double> start);

  // Advantages of one update's rewards (not empty) against the baseline before it, then moves the
  // baseline.
  //   noise  squared standard errors of the rewards, or empty: they are exact. Of the mean square m
  //          of advantages, s = m - mean(noise) is what placements differ by; an advantage counts
  //          by s / (s + noise), the share of it that is not chance (as of a normal prior), and not
  //          at all where noise explains everything
  //   value  of BaselineKind::kValue: the prediction
  [[nodiscard]] std::vector<double> advantages(std::span<const double> rewards,
                                               std::span<const double> noise = {},
                                               std::optional<double> value = std::nullopt);

  [[nodiscard]] const BaselineState& state() const { return state_; }
  void restore(const BaselineState& state) { state_ = state; }

 private:
  [[nodiscard]] std::vector<double> centred(std::span<const double> rewards, double mean,
                                            double expected) const;
  void discount(std::span<const double> noise, std::vector<double>& advantages) const;

  BaselineKind kind_;
  double decay_;
  bool normalize_;
  BaselineState state_;
};

}  // namespace placer::policy
