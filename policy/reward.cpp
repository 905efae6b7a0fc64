#include "policy/reward.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

RewardRule::RewardRule(const ColocrlParameters& parameters, SimTime reference)
    : unit_(parameters.reward == RewardScale::kSeconds ? 1.0 : reference.seconds()),
      failing_(parameters.failing * reference.seconds()) {}

double RewardRule::reward(const Outcome& outcome) const {
  if (!outcome.feasible()) return failing_reward();
  return -std::sqrt(outcome.step_time.seconds() / unit_);
}

double RewardRule::failing_reward() const {
  return -std::sqrt(failing_ / unit_);
}

Baseline::Baseline(double decay, bool normalize, std::optional<double> start)
    : decay_(decay), normalize_(normalize) {
  if (start) state_ = {.started = true, .value = *start, .mean_square = 0};
}

std::vector<double> Baseline::advantages(std::span<const double> rewards) {
  const double count = static_cast<double>(rewards.size());
  double mean = 0;
  for (const double reward : rewards) mean += reward / count;
  if (!state_.started) {
    state_.started = true;
    state_.value = mean;
  }
  std::vector<double> result;
  double square = 0;
  for (const double reward : rewards) {
    result.push_back(reward - state_.value);
    square += result.back() * result.back() / count;
  }
  // The first update sets the scale, later ones move it.
  state_.mean_square =
      state_.mean_square > 0 ? decay_ * state_.mean_square + (1 - decay_) * square : square;
  state_.value = decay_ * state_.value + (1 - decay_) * mean;
  if (normalize_) {
    const double scale = std::sqrt(state_.mean_square);
    // Rewards that never differ teach nothing, whatever the scale.
    for (double& advantage : result) advantage = scale > 0 ? advantage / scale : 0;
  }
  return result;
}

}  // namespace placer::policy
