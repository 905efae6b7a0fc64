#include "profiler/measuring_evaluator.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/evaluate/statistics.h"

namespace placer::profile {

namespace {

// Weights that train for hundreds of steps on one batch drift to where arithmetic is slower
// (denormals) or stops (NaN); so state starts anew now and then.
constexpr int kStepsBeforeReset = 100;

// An executor with what is needed to run steps of changing placements on it.
class Bench {
 public:
  Bench(Executor& executor, const MeasureOptions& options)
      : executor_(executor), options_(options) {}

  // Prepares for timed steps of `placement`: the discarded ones. Returns why it cannot run.
  [[nodiscard]] std::optional<Infeasible> warm_up(const Placement& placement, double limit) {
    if (steps_since_reset_ >= kStepsBeforeReset) {
      reset();
    }
    executor_.place(placement);
    int discarded = std::max(options_.warm_up, 0);
    if (!warm_) {
      discarded = std::max(discarded, options_.first_warm_up);
    }
    if (options_.capture != Capture::kNever) {
      discarded = std::max(discarded, 1);
    }
    if (auto problem = discard(discarded, limit)) {
      return problem;
    }
    warm_ = true;
    return options_.capture == Capture::kNever ? std::nullopt : capture(limit);
  }

  [[nodiscard]] StepReport step(double limit) {
    StepReport report = executor_.step(limit, false);
    ++steps_since_reset_;
    if (options_.on_step) {
      options_.on_step();
    }
    if (report.infeasible && report.infeasible->node) {
      reset();  // ops have run, an update perhaps among them
    }
    return report;
  }

  [[nodiscard]] Executor& executor() { return executor_; }

 private:
  [[nodiscard]] std::optional<Infeasible> discard(int steps, double limit) {
    for (int i = 0; i < steps; ++i) {
      StepReport report = step(limit);
      if (report.infeasible) {
        return std::move(report.infeasible);
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Infeasible> capture(double limit) {
    const std::string reason = executor_.capture();
    if (reason.empty()) {
      return discard(1, limit);  // the first launch takes longer
    }
    if (options_.capture == Capture::kWherePossible) {
      return std::nullopt;
    }
    return Infeasible{
        InfeasibleReason::kUnsupported, {}, {}, {}, "its step cannot be captured: " + reason};
  }

  void reset() {
    executor_.reset();
    steps_since_reset_ = 0;
  }

  Executor& executor_;
  const MeasureOptions& options_;
  bool warm_ = false;
  int steps_since_reset_ = 0;
};

// How long a step may take.
class Limit {
 public:
  explicit Limit(const MeasureOptions& options) : options_(options) {}

  [[nodiscard]] double seconds() const {
    return best_ && options_.limit_factor > 0 ? *best_ * options_.limit_factor
                                              : options_.first_limit_seconds;
  }
  void saw(double seconds) { best_ = best_ ? std::min(*best_, seconds) : seconds; }

 private:
  const MeasureOptions& options_;
  std::optional<double> best_;
};

class MeasuringEvaluator final : public Evaluator {
 public:
  MeasuringEvaluator(Executor& executor, const MeasureOptions& options)
      : options_(options), bench_(executor, options_), limit_(options_) {
    if (options.repeats < 1) {
      throw usage_error("a measurement needs at least one repeat");
    }
  }

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    PLACER_CHECK(placements.size() == results.size(), "an outcome per placement");
    for (std::size_t i = 0; i < placements.size(); ++i) {
      results[i] = measure(placements[i]);
    }
  }

  std::string name() const override {
    constexpr std::array kHow{"", ", one launch each where possible", ", one launch each"};
    return fmt::format("measured: wall time of whole steps{}, median of {}, {} discarded",
                       kHow[static_cast<std::size_t>(options_.capture)], options_.repeats,
                       options_.warm_up);
  }

 private:
  Outcome measure(const Placement& placement) {
    Outcome outcome;
    // Where steps are captured the best so far is that of captured ones, and these are not.
    outcome.infeasible = bench_.warm_up(placement, options_.capture == Capture::kNever
                                                       ? limit_.seconds()
                                                       : options_.first_limit_seconds);
    std::vector<double> walls;
    std::vector<std::vector<double>> busy;  // [devices][repeats]
    for (int i = 0; i < options_.repeats && !outcome.infeasible; ++i) {
      StepReport report = bench_.step(limit_.seconds());
      outcome.infeasible = std::move(report.infeasible);
      walls.push_back(report.wall_seconds);
      busy.resize(report.busy_seconds.size());
      outcome.peak_memory.resize(report.peak_memory.size());
      for (std::size_t d = 0; d < busy.size(); ++d) {
        busy[d].push_back(report.busy_seconds[d]);
        outcome.peak_memory[d] = std::max(outcome.peak_memory[d], report.peak_memory[d]);
      }
    }
    if (!outcome.infeasible) {
      outcome.step_time = from_seconds(median(walls));
      limit_.saw(median(walls));
      for (const double wall : walls) {
        outcome.timed_steps.push_back(from_seconds(wall));
      }
      outcome.new_steps = walls.size();
      for (const auto& samples : busy) {
        outcome.busy.push_back(from_seconds(median(samples)));
      }
    }
    return outcome;
  }

  MeasureOptions options_;
  Bench bench_;
  Limit limit_;
};

}  // namespace

std::unique_ptr<Evaluator> make_measuring_evaluator(Executor& executor,
                                                    const MeasureOptions& options) {
  return std::make_unique<MeasuringEvaluator>(executor, options);
}

}  // namespace placer::profile
