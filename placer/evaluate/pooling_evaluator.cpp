#include "placer/evaluate/pooling_evaluator.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/evaluate/placement_hash.h"
#include "placer/evaluate/statistics.h"
#include "placer/evaluate/step_noise.h"

namespace placer {
namespace {

SimTime median_of(std::span<const SimTime> steps) {
  std::vector<double> seconds;
  for (const SimTime step : steps) seconds.push_back(step.seconds());
  return from_seconds(median(seconds));
}

// Adds what was measured now to what was known.
void pool(Outcome& known, Outcome&& measured) {
  known.timed_steps.insert(known.timed_steps.end(), measured.timed_steps.begin(),
                           measured.timed_steps.end());
  known.step_time = median_of(known.timed_steps);
  known.busy = std::move(measured.busy);
  known.peak_memory.resize(std::max(known.peak_memory.size(), measured.peak_memory.size()));
  for (std::size_t d = 0; d < measured.peak_memory.size(); ++d) {
    known.peak_memory[d] = std::max(known.peak_memory[d], measured.peak_memory[d]);
  }
}

bool timed_out(const Outcome& outcome) {
  return !outcome.feasible() && outcome.infeasible->reason == InfeasibleReason::kTimeOut;
}

class PoolingEvaluator : public Evaluator {
 public:
  PoolingEvaluator(Evaluator& inner, const PoolingOptions& options)
      : inner_(inner), options_(options) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    PLACER_CHECK(placements.size() == results.size(), "one result per placement");
    for (std::size_t i = 0; i < placements.size(); ++i) results[i] = judge(placements[i]);
  }
  [[nodiscard]] std::string name() const override {
    return fmt::format("{}, up to {} steps of what competes for the best", inner_.name(),
                       options_.most_steps);
  }

 private:
  Outcome judge(const Placement& placement) {
    const auto [entry, is_new] = known_.try_emplace(placement);
    Outcome& known = entry->second;
    const std::size_t before = known.timed_steps.size();
    bool measured = false;
    if (is_new || timed_out(known)) {
      known = inner_.evaluate_one(placement);
      noise_.add(known.timed_steps);
      measured = true;
    }
    while (competes(known)) {
      measured = true;
      if (!measure_again(placement, known)) break;
    }
    choose_best(known);
    Outcome result = known;
    result.new_steps = known.timed_steps.size() - std::min(before, known.timed_steps.size());
    result.fresh = measured;
    return result;
  }

  // False when it did not run this time.
  bool measure_again(const Placement& placement, Outcome& known) {
    Outcome measured = inner_.evaluate_one(placement);
    if (timed_out(measured)) return false;  // it has run before: the machine paused
    if (!measured.feasible()) {
      known = std::move(measured);
      return false;
    }
    noise_.add(measured.timed_steps);
    pool(known, std::move(measured));
    return true;
  }

  // Whether it is worth more steps: it may be the best, and is not known as well as that takes.
  [[nodiscard]] bool competes(const Outcome& outcome) const {
    if (!outcome.feasible() || outcome.timed_steps.empty()) return false;
    if (outcome.timed_steps.size() >= options_.most_steps) return false;
    if (best_ == nullptr) return false;  // there is nothing to decide yet
    if (best_ == &outcome) return true;
    const double time = outcome.step_time.seconds();
    const double best = best_->step_time.seconds();
    const double variance = noise_.squared_error(outcome.timed_steps.size()) * time * time +
                            noise_.squared_error(best_->timed_steps.size()) * best * best;
    return time <= best + options_.errors * std::sqrt(variance);
  }

  // After `judged` has changed. The best may have turned out slower than another.
  void choose_best(const Outcome& judged) {
    if (best_ != &judged) {
      if (judged.feasible() && (best_ == nullptr || better(judged, *best_))) best_ = &judged;
      return;
    }
    best_ = nullptr;
    for (const auto& [placement, outcome] : known_) {
      const bool less = best_ == nullptr || outcome.step_time < best_->step_time;
      if (outcome.feasible() && less) best_ = &outcome;
    }
  }

  Evaluator& inner_;
  PoolingOptions options_;
  std::unordered_map<Placement, Outcome, PlacementHash> known_;
  const Outcome* best_ = nullptr;  // in known_
  StepNoise noise_;
};

}  // namespace

std::unique_ptr<Evaluator> make_pooling_evaluator(Evaluator& inner, const PoolingOptions& options) {
  return std::make_unique<PoolingEvaluator>(inner, options);
}

}  // namespace placer
