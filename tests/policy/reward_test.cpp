#include "policy/reward.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

Outcome takes(std::int64_t micros) {
  Outcome outcome;
  outcome.step_time = {micros * 1'000'000};
  return outcome;
}

Outcome fails() {
  Outcome outcome;
  outcome.infeasible.emplace();
  return outcome;
}

TrainingParameters normalized() {
  TrainingParameters parameters;
  parameters.normalize = true;
  return parameters;
}

Outcome scored(std::int64_t score) {
  Outcome outcome;
  outcome.score = score;
  return outcome;
}

TrainingParameters plain() {
  TrainingParameters parameters;
  parameters.normalize = false;
  return parameters;
}

TEST(Reward, ReferenceIsTheWholeStepOnOneDevice) {
  const test::TestProblem chain = test::three_ops();
  test::LoadAndCut evaluator(chain.costs());
  EXPECT_EQ(reference_time(chain.with(evaluator)), (SimTime{100'000'000}));  // 20 + 30 + 50 us
}

// sqrt(25 / 100) = 0.5; failing = sqrt(4) = 2.
TEST(Reward, RelativeRewardIsTheRootOfTheShareOfTheReference) {
  const RewardRule rule(TrainingParameters{}, {100'000'000});
  EXPECT_DOUBLE_EQ(rule.reward(takes(25)), -0.5);
  EXPECT_DOUBLE_EQ(rule.reward(takes(100)), -1);
  EXPECT_DOUBLE_EQ(rule.reward(fails()), -2);
  EXPECT_DOUBLE_EQ(rule.failing_reward(), -2);
}

// As published: -sqrt(seconds); sqrt(1e-4) = 0.01, failing at 4 x 100 us: sqrt(4e-4) = 0.02.
TEST(Reward, InSecondsItIsThePublishedOne) {
  TrainingParameters parameters;
  parameters.reward = RewardScale::kSeconds;
  const RewardRule rule(parameters, {100'000'000});
  EXPECT_DOUBLE_EQ(rule.reward(takes(100)), -0.01);
  EXPECT_DOUBLE_EQ(rule.reward(fails()), -0.02);
}

// The least score of the first update that has a feasible placement is the unit: sqrt(36 / 9) = 2.
TEST(Reward, ScoresAreRelativeToTheFirstOnes) {
  RewardRule rule(TrainingParameters{}, {100'000'000});
  rule.settle(std::vector<Outcome>{fails()});
  EXPECT_FALSE(rule.state().score_unit);
  rule.settle(std::vector<Outcome>{scored(36), scored(9)});
  rule.settle(std::vector<Outcome>{scored(4)});
  EXPECT_EQ(rule.state().score_unit, 9);
  EXPECT_DOUBLE_EQ(rule.reward(scored(36)), -2);
  EXPECT_DOUBLE_EQ(rule.reward(fails()), -2);
  // A score has no seconds.
  TrainingParameters in_seconds;
  in_seconds.reward = RewardScale::kSeconds;
  RewardRule other(in_seconds, {100'000'000});
  other.settle(std::vector<Outcome>{scored(9)});
  EXPECT_DOUBLE_EQ(other.reward(scored(36)), -2);
  EXPECT_DOUBLE_EQ(other.reward(fails()), -2);
}

// Else a search on devices of very different speeds learns to overflow memory.
TEST(Reward, WhatDoesNotFitIsNeverBetterThanWhatDoes) {
  RewardRule rule(TrainingParameters{}, {100'000'000});
  rule.settle(std::vector<Outcome>{takes(900), fails(), takes(25)});
  EXPECT_DOUBLE_EQ(rule.reward(takes(25)), -0.5);
  EXPECT_DOUBLE_EQ(rule.reward(takes(900)), -3);
  EXPECT_DOUBLE_EQ(rule.reward(fails()), -3);
  rule.settle(std::vector<Outcome>{takes(100)});
  EXPECT_DOUBLE_EQ(rule.reward(fails()), -3) << "for the rest of the search";

  RewardRule resumed(TrainingParameters{}, {100'000'000});
  resumed.restore(rule.state());
  EXPECT_DOUBLE_EQ(resumed.reward(fails()), -3);

  RewardRule of_scores(TrainingParameters{}, {100'000'000});
  of_scores.settle(std::vector<Outcome>{scored(9), scored(144)});
  EXPECT_DOUBLE_EQ(of_scores.reward(scored(144)), -4);
  EXPECT_DOUBLE_EQ(of_scores.reward(fails()), -4);
}

TEST(Baseline, MovesFromTheFailingSignalTowardsTheMean) {
  Baseline baseline(plain(), -2.0);
  const std::vector<double> rewards = {-1.0, -0.5};
  EXPECT_EQ(baseline.advantages(rewards), (std::vector<double>{1.0, 1.5}));
  EXPECT_DOUBLE_EQ(baseline.state().value, 0.9 * -2.0 + 0.1 * -0.75);
}

TEST(Baseline, StartsAtTheFirstMeanWithoutASignal) {
  Baseline baseline(plain(), std::nullopt);
  const std::vector<double> rewards = {-1.0, -0.5};
  EXPECT_EQ(baseline.advantages(rewards), (std::vector<double>{-0.25, 0.25}));
  EXPECT_DOUBLE_EQ(baseline.state().value, -0.75);
}

// Mean square of (-0.25, 0.25) is 0.0625, its root 0.25.
TEST(Baseline, NormalizedAdvantagesDoNotDependOnTheRewardsScale) {
  Baseline small(normalized(), std::nullopt);
  Baseline large(normalized(), std::nullopt);
  EXPECT_EQ(small.advantages(std::vector<double>{-1.0, -0.5}), (std::vector<double>{-1.0, 1.0}));
  EXPECT_EQ(large.advantages(std::vector<double>{-1024.0, -512.0}),
            (std::vector<double>{-1.0, 1.0}));
}

// Means of the other three: -1, -0.75, -1.25 and -1.
TEST(Baseline, OfABatchIsTheMeanOfTheOthers) {
  TrainingParameters parameters = plain();
  parameters.baseline = BaselineKind::kBatch;
  Baseline baseline(parameters, -2.0);
  EXPECT_EQ(baseline.advantages(std::vector<double>{-1.0, -1.75, -0.25, -1.0}),
            (std::vector<double>{0.0, -1.0, 1.0, 0.0}));
  EXPECT_EQ(baseline.advantages(std::vector<double>{-1.0}).size(), 1U);
}

// -1 - -0.8 and -0.5 - -0.8, whatever the moving average is.
TEST(Baseline, OfAValueIsThePrediction) {
  TrainingParameters parameters = plain();
  parameters.baseline = BaselineKind::kValue;
  Baseline baseline(parameters, -2.0);
  const std::vector<double> advantages =
      baseline.advantages(std::vector<double>{-1.0, -0.5}, {}, -0.8);
  EXPECT_NEAR(advantages.at(0), -0.2, 1e-12);
  EXPECT_NEAR(advantages.at(1), 0.3, 1e-12);
}

// The mean square of (-0.25, 0.25) is 0.0625. With noise of 0.0125 and 0.0375, 0.025 in the mean,
// 0.0375 is signal: shares of 0.0375 / 0.05 = 0.75 and 0.0375 / 0.075 = 0.5.
TEST(Baseline, AdvantagesCountByTheShareThatIsNotNoise) {
  Baseline baseline(plain(), std::nullopt);
  const std::vector<double> noise = {0.0125, 0.0375};
  const auto advantages = baseline.advantages(std::vector<double>{-1.0, -0.5}, noise);
  ASSERT_EQ(advantages.size(), 2U);
  EXPECT_DOUBLE_EQ(advantages[0], -0.25 * 0.75);
  EXPECT_DOUBLE_EQ(advantages[1], 0.25 * 0.5);
}

TEST(Baseline, WhereNoiseExplainsEverythingNothingIsTaught) {
  Baseline baseline(normalized(), std::nullopt);
  EXPECT_EQ(baseline.advantages(std::vector<double>{-1.0, -0.5}, std::vector<double>{0.1, 0.1}),
            (std::vector<double>{0.0, 0.0}));
}

TEST(Baseline, WithoutNoiseNotABitChanges) {
  Baseline with(normalized(), -2.0);
  Baseline without(normalized(), -2.0);
  const std::vector<double> rewards = {-1.1, -0.7, -0.9};
  EXPECT_EQ(with.advantages(rewards, std::vector<double>(3, 0.0)), without.advantages(rewards));
  EXPECT_EQ(with.state(), without.state());
}

// R = -sqrt(25 / 100) = -0.5; dR = 0.25 of the relative error of the time.
TEST(Reward, ItsErrorFollowsFromThatOfTheTime) {
  const RewardRule rule(TrainingParameters{}, {100'000'000});
  StepNoise noise;
  noise.add(std::vector<SimTime>{{99}, {101}});
  Outcome outcome = takes(25);
  EXPECT_EQ(rule.squared_error(outcome, noise), 0) << "predicted";
  outcome.timed_steps.assign(3, outcome.step_time);
  EXPECT_DOUBLE_EQ(rule.squared_error(outcome, noise), 0.0625 * noise.squared_error(3));
  // An improvement by 0.2: the time is 0.8 of what was.
  EXPECT_DOUBLE_EQ(improvement_error(0.2, outcome, noise), 0.64 * noise.squared_error(3));
  EXPECT_EQ(rule.squared_error(fails(), noise), 0);
}

TEST(Reward, OnlyWhatIsNewTeaches) {
  Outcome outcome = takes(25);
  EXPECT_EQ(new_share(outcome), 1);
  outcome.timed_steps.assign(9, outcome.step_time);
  outcome.new_steps = 3;
  EXPECT_DOUBLE_EQ(new_share(outcome), 1.0 / 3);
  outcome.fresh = false;
  EXPECT_EQ(new_share(outcome), 0);
}

TEST(Baseline, RewardsThatNeverDifferTeachNothing) {
  Baseline baseline(normalized(), std::nullopt);
  EXPECT_EQ(baseline.advantages(std::vector<double>{-1.0, -1.0}), (std::vector<double>{0.0, 0.0}));
  // The mean of these is another number than each, by rounding.
  const std::vector<double> same(6, -0.7345);
  Baseline rounding(normalized(), std::nullopt);
  for (int update = 0; update < 3; ++update) {
    EXPECT_EQ(rounding.advantages(same), std::vector<double>(6));
  }
}

TEST(Baseline, RestoredItGoesOnTheSame) {
  Baseline first(normalized(), -2.0);
  static_cast<void>(first.advantages(std::vector<double>{-1.0, -0.7}));
  Baseline second(normalized(), std::nullopt);
  second.restore(first.state());
  const std::vector<double> next = {-0.3, -0.9};
  EXPECT_EQ(first.advantages(next), second.advantages(next));
  EXPECT_EQ(first.state(), second.state());
}

}  // namespace
}  // namespace placer::policy
