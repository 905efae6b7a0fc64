#include "policy/reward.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "placer/base/error.h"

namespace placer::policy {

SimTime reference_time(const Problem& problem) {
  const CostModel& costs = problem.costs;
  const std::size_t devices = costs.cluster().size();
  std::vector<SimTime> total(devices);
  std::vector<bool> runs_all(devices, true);
  SimTime shortest;
  for (std::size_t v = 0; v < costs.graph().size(); ++v) {
    const NodeId node = id_at<NodeId>(v);
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t d = 0; d < devices; ++d) {
      if ((costs.supported(node) >> d & 1) == 0) {
        runs_all[d] = false;
        continue;
      }
      const SimTime time = costs.op_time(node, id_at<DeviceId>(d));
      total[d] += time;
      least = std::min(least, time.ps);
    }
    shortest += SimTime{least};
  }
  std::optional<SimTime> best;
  for (std::size_t d = 0; d < devices; ++d) {
    if (runs_all[d] && (!best || total[d] < *best)) best = total[d];
  }
  return std::max(best.value_or(shortest), SimTime{1});
}

RewardRule::RewardRule(const TrainingParameters& parameters, SimTime reference)
    : failing_(parameters.failing),
      reference_(reference.seconds()),
      unit_(parameters.reward == RewardScale::kSeconds ? 1.0 : reference_) {}

double RewardRule::relative_cost(const Outcome& feasible) const {
  if (!feasible.score) return feasible.step_time.seconds() / reference_;
  return static_cast<double>(*feasible.score) / static_cast<double>(*state_.score_unit);
}

double RewardRule::reward(const Outcome& outcome) const {
  if (!outcome.feasible()) return failing_reward();
  if (outcome.score) return -std::sqrt(relative_cost(outcome));
  return -std::sqrt(outcome.step_time.seconds() / unit_);
}

double RewardRule::squared_error(const Outcome& outcome, const StepNoise& noise) const {
  if (!outcome.feasible()) return 0;
  const double half = reward(outcome) / 2;
  return half * half * noise.squared_error(outcome.timed_steps.size());
}

void RewardRule::settle(std::span<const Outcome> outcomes) {
  if (!state_.score_unit) {
    for (const Outcome& outcome : outcomes) {
      if (!outcome.feasible() || !outcome.score) continue;
      const std::int64_t score = std::max<std::int64_t>(*outcome.score, 1);
      state_.score_unit = std::min(state_.score_unit.value_or(score), score);
    }
  }
  for (const Outcome& outcome : outcomes) {
    if (outcome.feasible()) state_.slowest = std::max(state_.slowest, relative_cost(outcome));
  }
}

double RewardRule::failing_reward() const {
  const double cost = std::max(failing_, state_.slowest);
  return -std::sqrt(state_.score_unit ? cost : cost * reference_ / unit_);
}

BaseCost base_cost(const Outcome& outcome) {
  if (outcome.feasible()) return {.cost = outcome.cost(), .missing = {}};
  return {.cost = std::nullopt, .missing = outcome.infeasible->missing};
}

double improvement(const BaseCost& base, const Outcome& outcome) {
  const auto share = [](std::int64_t before, std::int64_t after) {
    if (before <= 0) return 0.0;
    return std::max(static_cast<double>(before - after) / static_cast<double>(before), 0.0);
  };
  if (base.cost) return outcome.feasible() ? share(*base.cost, outcome.cost()) : 0;
  if (outcome.feasible()) return 1;
  if (outcome.infeasible->reason != InfeasibleReason::kOutOfMemory) return 0;
  return share(base.missing.count, outcome.infeasible->missing.count);
}

double improvement_error(double improvement, const Outcome& outcome, const StepNoise& noise) {
  if (!outcome.feasible()) return 0;
  return (1 - improvement) * (1 - improvement) * noise.squared_error(outcome.timed_steps.size());
}

StepNoise noise_of(std::span<const Outcome> outcomes) {
  StepNoise noise;
  for (const Outcome& outcome : outcomes) noise.add(outcome.timed_steps);
  return noise;
}

double new_share(const Outcome& outcome) {
  if (!outcome.fresh) return 0;
  if (outcome.timed_steps.empty()) return 1;
  return static_cast<double>(outcome.new_steps) / static_cast<double>(outcome.timed_steps.size());
}

Baseline::Baseline(const TrainingParameters& parameters, std::optional<double> start)
    : kind_(parameters.baseline),
      decay_(parameters.baseline_decay),
      normalize_(parameters.normalize) {
  if (start) state_ = {.started = true, .value = *start, .mean_square = 0};
}

std::vector<double> Baseline::centred(std::span<const double> rewards, double mean,
                                      double expected) const {
  const double count = static_cast<double>(rewards.size());
  std::vector<double> result;
  for (const double reward : rewards) {
    // Of a single reward there are no others.
    const bool others = kind_ == BaselineKind::kBatch && rewards.size() > 1;
    result.push_back(others ? (reward - mean) * count / (count - 1) : reward - expected);
  }
  return result;
}

void Baseline::discount(std::span<const double> noise, std::vector<double>& advantages) const {
  double mean = 0;
  for (const double error : noise) mean += error / static_cast<double>(noise.size());
  if (!(mean > 0)) return;  // exact
  const double signal = std::max(state_.mean_square - mean, 0.0);
  for (std::size_t i = 0; i < advantages.size(); ++i) {
    advantages[i] *= signal > 0 ? signal / (signal + noise[i]) : 0;
  }
}

std::vector<double> Baseline::advantages(std::span<const double> rewards,
                                         std::span<const double> noise,
                                         std::optional<double> value) {
  const double count = static_cast<double>(rewards.size());
  double mean = 0;
  for (const double reward : rewards) mean += reward / count;
  if (!state_.started) {
    state_.started = true;
    state_.value = mean;
  }
  PLACER_CHECK(value.has_value() == (kind_ == BaselineKind::kValue), "a prediction where due");
  std::vector<double> result = centred(rewards, mean, value.value_or(state_.value));
  double square = 0;
  for (const double advantage : result) square += advantage * advantage / count;
  // The first update sets the scale, later ones move it.
  state_.mean_square =
      state_.mean_square > 0 ? decay_ * state_.mean_square + (1 - decay_) * square : square;
  state_.value = decay_ * state_.value + (1 - decay_) * mean;
  if (normalize_) {
    const double scale = std::sqrt(state_.mean_square);
    // Rewards that never differ teach nothing, whatever the scale; nor does rounding.
    const bool differ = scale > 1e-12 * std::max(1.0, std::abs(state_.value));
    for (double& advantage : result) advantage = differ ? advantage / scale : 0;
  }
  discount(noise, result);
  return result;
}

}  // namespace placer::policy
