#include "placer/evaluate/pooling_evaluator.h"

#include <deque>
#include <map>

#include <gtest/gtest.h>

namespace placer {
namespace {

Placement on(unsigned device) {
  return {.device = {id_at<DeviceId>(device)}, .priority = {}};
}

// Three steps a measurement, as they were written down for each device.
class Scripted : public Evaluator {
 public:
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    for (std::size_t i = 0; i < placements.size(); ++i) {
      ++measurements;
      std::deque<Outcome>& next = script[static_cast<unsigned>(placements[i].device[0])];
      ASSERT_FALSE(next.empty()) << "measured more often than expected";
      results[i] = next.front();
      next.pop_front();
    }
  }
  [[nodiscard]] std::string name() const override { return "scripted"; }

  void steps(unsigned device, std::int64_t a, std::int64_t b, std::int64_t c) {
    Outcome outcome;
    outcome.timed_steps = {{a}, {b}, {c}};
    outcome.new_steps = 3;
    outcome.step_time = {std::max(std::min(a, b), std::min(std::max(a, b), c))};
    outcome.peak_memory = {Bytes{a}};
    script[device].push_back(outcome);
  }
  void fails(unsigned device, InfeasibleReason reason) {
    Outcome outcome;
    outcome.infeasible.emplace().reason = reason;
    script[device].push_back(outcome);
  }

  int measurements = 0;
  std::map<unsigned, std::deque<Outcome>> script;
};

TEST(PoolingEvaluator, WhatIsFarFromTheBestIsMeasuredOnceAndThenRemembered) {
  Scripted inner;
  inner.steps(0, 1000, 1010, 1020);
  inner.steps(1, 2000, 2010, 2020);
  const auto pooled = make_pooling_evaluator(inner);
  EXPECT_TRUE(pooled->evaluate_one(on(0)).fresh);
  const Outcome first = pooled->evaluate_one(on(1));
  EXPECT_TRUE(first.fresh);
  EXPECT_EQ(first.new_steps, 3U);
  const Outcome again = pooled->evaluate_one(on(1));
  EXPECT_FALSE(again.fresh);
  EXPECT_EQ(again.new_steps, 0U);
  EXPECT_EQ(again.step_time, first.step_time);
  EXPECT_EQ(again.timed_steps, first.timed_steps);
  EXPECT_EQ(inner.measurements, 2);
}

// 990 at first, but the median of 990, 990, 990, 1030, 1030, 1030, 1031, 1031, 1031 is 1030.
TEST(PoolingEvaluator, ALuckyMeasurementIsRepeatedBeforeItIsTheBest) {
  Scripted inner;
  inner.steps(0, 1000, 1010, 1020);
  inner.steps(1, 990, 990, 990);
  inner.steps(1, 1030, 1030, 1030);
  inner.steps(1, 1031, 1031, 1031);
  const auto pooled = make_pooling_evaluator(inner);
  static_cast<void>(pooled->evaluate_one(on(0)));
  const Outcome outcome = pooled->evaluate_one(on(1));
  EXPECT_EQ(outcome.step_time.ps, 1030);
  EXPECT_EQ(outcome.new_steps, 9U);
  EXPECT_EQ(outcome.peak_memory, std::vector<Bytes>{{1031}});
  EXPECT_EQ(inner.measurements, 4);
}

// The best is measured again, until it has nine steps; then it is only remembered.
TEST(PoolingEvaluator, TheBestSeenAgainGetsTheStepsThatItLacks) {
  Scripted inner;
  inner.steps(0, 1000, 1000, 1000);
  inner.steps(0, 1100, 1100, 1100);
  inner.steps(0, 1100, 1100, 1100);
  const auto pooled = make_pooling_evaluator(inner);
  EXPECT_EQ(pooled->evaluate_one(on(0)).step_time.ps, 1000);
  const Outcome again = pooled->evaluate_one(on(0));
  EXPECT_EQ(again.step_time.ps, 1100);
  EXPECT_EQ(again.timed_steps.size(), 9U);
  EXPECT_EQ(again.new_steps, 6U);
  EXPECT_FALSE(pooled->evaluate_one(on(0)).fresh);
  EXPECT_EQ(inner.measurements, 3);
}

TEST(PoolingEvaluator, WhatCannotRunIsNotTriedAgainUnlessItTookTooLong) {
  Scripted inner;
  inner.fails(0, InfeasibleReason::kCrashed);
  inner.fails(1, InfeasibleReason::kTimeOut);
  inner.steps(1, 1000, 1010, 1020);
  const auto pooled = make_pooling_evaluator(inner);
  EXPECT_TRUE(pooled->evaluate_one(on(0)).fresh);
  const Outcome crashed = pooled->evaluate_one(on(0));
  EXPECT_FALSE(crashed.feasible());
  EXPECT_FALSE(crashed.fresh);
  EXPECT_FALSE(pooled->evaluate_one(on(1)).feasible());
  EXPECT_TRUE(pooled->evaluate_one(on(1)).feasible());
  EXPECT_EQ(inner.measurements, 3);
}

// Equal placements of one batch: the second brings nothing new.
TEST(PoolingEvaluator, OneBatchCountsAPlacementOnce) {
  Scripted inner;
  inner.steps(0, 1000, 1000, 1000);
  inner.steps(1, 2000, 2000, 2000);
  const auto pooled = make_pooling_evaluator(inner);
  const std::vector<Placement> batch = {on(0), on(1), on(1)};
  std::vector<Outcome> results(3);
  pooled->evaluate(batch, results);
  EXPECT_TRUE(results[1].fresh);
  EXPECT_FALSE(results[2].fresh);
}

}  // namespace
}  // namespace placer
