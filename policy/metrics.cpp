#include "policy/metrics.h"

#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "placer/evaluate/statistics.h"

namespace placer::policy {
namespace {

class FlatObject {
 public:
  void add_count(std::string_view key, std::uint64_t value) {
    add_text(key, fmt::format("{}", value));
  }
  void add_number(std::string_view key, std::optional<double> value) {
    add_text(key, value && std::isfinite(*value) ? fmt::format("{}", *value) : "null");
  }
  [[nodiscard]] std::string text() const { return "{" + text_ + "}"; }

 private:
  void add_text(std::string_view key, const std::string& value) {
    text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", key, value);
  }

  std::string text_;
};

}  // namespace

void describe_samples(std::span<const Outcome> outcomes, UpdateMetrics& metrics) {
  std::vector<double> times;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.feasible()) continue;
    ++metrics.feasible;
    if (!outcome.score) times.push_back(outcome.step_time.seconds() * 1e3);
  }
  if (times.empty()) return;
  metrics.sample_mean_ms =
      std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  metrics.sample_median_ms = median(times);
}

std::string to_json_line(const UpdateMetrics& metrics) {
  FlatObject object;
  object.add_count("step", metrics.step);
  object.add_number("wall_time", metrics.wall_time);
  object.add_number("reward_mean", metrics.reward_mean);
  object.add_number("baseline", metrics.baseline);
  object.add_number("best_step_time_ms", metrics.best_step_time_ms);
  object.add_number("sample_mean_ms", metrics.sample_mean_ms);
  object.add_number("sample_median_ms", metrics.sample_median_ms);
  object.add_count("feasible", metrics.feasible);
  object.add_number("loss_policy", metrics.loss_policy);
  object.add_number("entropy", metrics.entropy);
  object.add_number("grad_norm", metrics.grad_norm);
  object.add_number("lr", metrics.lr);
  object.add_count("evaluations", metrics.evaluations);
  object.add_count("rollbacks", metrics.rollbacks);
  if (metrics.timed_steps > 0) object.add_count("timed_steps", metrics.timed_steps);
  for (const auto& [name, value] : metrics.details) object.add_number(name, value);
  return object.text();
}

}  // namespace placer::policy
