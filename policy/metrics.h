#pragma once

// One line of metrics.jsonl per update: a flat JSON object.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "placer/evaluate/evaluator.h"

namespace placer::policy {

struct UpdateMetrics {
  std::uint64_t step = 0;  // updates so far
  double wall_time = 0;    // seconds of the search, earlier runs included
  double reward_mean = 0;
  double baseline = 0;
  // Times are nothing where the objective is none.
  std::optional<double> best_step_time_ms;
  std::optional<double> sample_mean_ms;  // of this update's feasible placements
  std::optional<double> sample_median_ms;
  std::uint64_t feasible = 0;  // how many of them
  // Nothing in an update that taught nothing.
  std::optional<double> loss_policy;
  std::optional<double> entropy;    // nats per group
  std::optional<double> grad_norm;  // before clipping
  double lr = 0;
  std::uint64_t evaluations = 0;
  std::uint64_t rollbacks = 0;    // of the search: updates that blew the policy up and were undone
  std::uint64_t timed_steps = 0;  // SearchResult's
  std::vector<std::pair<std::string, double>> details;  // of the method
};

// Mean and median over the feasible outcomes.
void describe_samples(std::span<const Outcome> outcomes, UpdateMetrics& metrics);

// The object without a line end; what is not finite or not known is null.
[[nodiscard]] std::string to_json_line(const UpdateMetrics& metrics);

}  // namespace placer::policy
