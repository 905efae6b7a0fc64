// Learning from measurements, few, noisy and expensive, by the learner that needs no LibTorch.

#include <array>
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/evaluate/pooling_evaluator.h"
#include "policy/core_register.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

constexpr std::size_t kSteps = 3;

TestProblem twelve_cells() {
  return TestProblem(test::grid(3, 4, 50, 100), {.devices = 3});
}

// Three steps of a placement, each longer or shorter than the truth by up to `noise` of it.
class Measuring : public Evaluator {
 public:
  Measuring(const CostModel& costs, double noise, std::uint64_t seed)
      : truth_(costs), noise_(noise), rng_(seed) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    truth_.evaluate(placements, results);
    for (Outcome& result : results) {
      std::array<std::int64_t, kSteps> steps{};
      for (std::int64_t& step : steps) {
        const double factor = 1 + noise_ * (2 * rng_.uniform() - 1);
        step = std::llround(static_cast<double>(result.step_time.ps) * factor);
        result.timed_steps.push_back({step});
      }
      std::sort(steps.begin(), steps.end());
      result.step_time = {steps[1]};
      result.new_steps = kSteps;
      result.fresh = !remembered;
    }
  }
  [[nodiscard]] std::string name() const override { return "measuring"; }

  bool remembered = false;

 private:
  LoadAndCut truth_;
  double noise_;
  Rng rng_;
};

SearchOptions options_of(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  return options;
}

SearchResult learn(const TestProblem& problem, Evaluator& evaluator, const SearchOptions& options) {
  AlgorithmRegistry registry;
  register_core_policies(registry);
  return registry.find("post").make()->run(problem.with(evaluator), options);
}

TEST(MeasuredSteps, WithoutNoiseTheyTeachAsPredictionsDo) {
  const TestProblem problem = twelve_cells();
  Measuring exact(problem.costs(), 0, 1);
  LoadAndCut predicted(problem.costs());
  const SearchResult measured = learn(problem, exact, options_of(320));
  const SearchResult simulated = learn(problem, predicted, options_of(320));
  EXPECT_EQ(measured.best, simulated.best);
  EXPECT_EQ(measured.history.size(), simulated.history.size());
  EXPECT_EQ(measured.timed_steps, 320 * kSteps);
  EXPECT_EQ(simulated.timed_steps, 0U);
}

TEST(MeasuredSteps, WhatIsOnlyRememberedTeachesNothing) {
  const TestProblem problem = twelve_cells();
  for (const bool remembered : {false, true}) {
    SCOPED_TRACE(remembered);
    Measuring evaluator(problem.costs(), 0.1, 1);
    evaluator.remembered = remembered;
    SearchOptions options = options_of(160);
    int updates = 0;
    options.metrics = [&](const std::string& line) {
      ++updates;
      EXPECT_EQ(nlohmann::json::parse(line).at("loss_policy").is_null(), remembered);
    };
    static_cast<void>(learn(problem, evaluator, options));
    EXPECT_GT(updates, 5);
  }
}

// Without more steps of what competes, the best of a search is the luckiest. Medians of 9 steps vary by
// 0.58 of what medians of 3 do.
TEST(MeasuredSteps, TheBestIsLessOfALuckyOneWhereWhatCompetesIsMeasuredAgain) {
  const TestProblem problem = twelve_cells();
  double luck[2] = {0, 0};  // of single measurements, of pooled ones
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (const bool pooled : {false, true}) {
      Measuring single(problem.costs(), 0.2, seed);
      const auto pooling = make_pooling_evaluator(single);
      SearchOptions options = options_of(160);
      options.parameters = {
          {"runs", "0"}};  // one way to begin: all that is measured is learned from
      const SearchResult result =
          learn(problem, pooled ? *pooling : static_cast<Evaluator&>(single), options);
      LoadAndCut truth(problem.costs());
      const double real = truth.evaluate_one(*result.best).step_time.seconds();
      luck[pooled ? 1 : 0] += 1 - result.outcome.step_time.seconds() / real;
      EXPECT_LT(result.timed_steps, 3 * kSteps * 160);
    }
  }
  EXPECT_GT(luck[0], 0.5);  // of ten searches: 5 % each
  EXPECT_LT(luck[1], 0.75 * luck[0]);
}

TEST(MeasuredSteps, TheirNumberSurvivesAKill) {
  const TestProblem problem = twelve_cells();
  SearchOptions options = options_of(160);
  options.checkpoint = testing::TempDir() + "measured_steps";
  std::filesystem::remove(options.checkpoint);
  Measuring evaluator(problem.costs(), 0.1, 1);
  static_cast<void>(learn(problem, evaluator, options));
  options.budget.evaluations = 320;
  EXPECT_EQ(learn(problem, evaluator, options).timed_steps, 320 * kSteps);
}

}  // namespace
}  // namespace placer::policy
