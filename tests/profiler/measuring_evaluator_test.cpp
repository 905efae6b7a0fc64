#include "profiler/measuring_evaluator.h"

#include <deque>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using ::testing::ElementsAre;

// Gives the times that a test lays down for each placement (by its first node's device), and notes
// what was asked of it.
class FakeExecutor final : public Executor {
 public:
  std::deque<double> times[2];  // seconds, by device
  std::string log;              // "p0" place on device 0, "s" step, "c" capture, "r" reset
  std::string cannot_capture;
  std::vector<double> limits;

  void place(const Placement& placement) override {
    device_ = index(placement.device.front());
    log += "p" + std::to_string(device_);
  }
  StepReport step(double limit_seconds, bool /*record*/) override {
    log += "s";
    limits.push_back(limit_seconds);
    StepReport report;
    report.wall_seconds = 1;
    if (!times[device_].empty()) {
      report.wall_seconds = times[device_].front();
      times[device_].pop_front();
    }
    report.busy_seconds = {report.wall_seconds / 2};
    report.peak_memory = {Bytes{static_cast<std::int64_t>(report.wall_seconds * 100)}};
    if (limit_seconds > 0 && report.wall_seconds > limit_seconds) {
      report.infeasible =
          Infeasible{InfeasibleReason::kTimeOut, DeviceId{0}, NodeId{0}, {}, "late"};
    }
    return report;
  }
  std::string capture() override {
    log += "c";
    return cannot_capture;
  }
  void reset() override { log += "r"; }
  Value output(NodeId /*output_node*/) const override { return {}; }
  Value state(NodeId /*state_node*/) const override { return {}; }

 private:
  std::size_t device_ = 0;
};

Placement on(std::size_t device) {
  return {{id_at<DeviceId>(device)}, {}};
}

TEST(MeasuringEvaluator, TakesTheMedianAfterDiscardedSteps) {
  FakeExecutor executor;
  executor.times[0] = {9, 9, 9, 9, 9, 3, 1, 2};  // five discarded at first
  executor.times[1] = {9, 5, 7, 6};              // one after a switch
  const auto evaluator = make_measuring_evaluator(executor, {.limit_factor = 0});
  const Outcome first = evaluator->evaluate_one(on(0));
  EXPECT_EQ(first.step_time, from_seconds(2));
  EXPECT_EQ(first.busy[0], from_seconds(1));
  EXPECT_EQ(first.new_steps, 3U);
  EXPECT_EQ(first.timed_steps,
            (std::vector<SimTime>{from_seconds(3), from_seconds(1), from_seconds(2)}));
  EXPECT_EQ(first.peak_memory[0], Bytes{300});  // the largest of the timed steps
  EXPECT_EQ(evaluator->evaluate_one(on(1)).step_time, from_seconds(6));
  EXPECT_EQ(executor.log, "p0ssssssssp1ssss");
}

TEST(MeasuringEvaluator, CapturesAfterAStepAndDiscardsTheFirstLaunch) {
  FakeExecutor executor;
  executor.times[0] = {9, 8, 1, 2, 3};
  const auto evaluator = make_measuring_evaluator(
      executor, {.warm_up = 0, .first_warm_up = 0, .limit_factor = 0, .capture = Capture::kAlways});
  EXPECT_EQ(evaluator->evaluate_one(on(0)).step_time, from_seconds(2));
  EXPECT_EQ(executor.log, "p0scssss");
}

// The step before a capture may take as long as it takes op by op, however fast captured ones are.
TEST(MeasuringEvaluator, TheLimitOfCapturedStepsIsTheirOwn) {
  FakeExecutor executor;
  executor.times[0] = {20, 1, 1, 20, 1, 9};
  const auto evaluator = make_measuring_evaluator(executor, {.repeats = 1,
                                                             .first_warm_up = 0,
                                                             .limit_factor = 4,
                                                             .first_limit_seconds = 50,
                                                             .capture = Capture::kAlways});
  EXPECT_TRUE(evaluator->evaluate_one(on(0)).feasible());
  const Outcome late = evaluator->evaluate_one(on(0));
  ASSERT_FALSE(late.feasible());
  EXPECT_EQ(late.infeasible->reason, InfeasibleReason::kTimeOut);
  EXPECT_THAT(executor.limits, ElementsAre(50, 50, 50, 50, 50, 4));
}

TEST(MeasuringEvaluator, WhatCannotBeCapturedRunsAsItIsOrNotAtAll) {
  FakeExecutor executor;
  executor.cannot_capture = "its ops run on cuda:0 and cuda:1";
  const auto measured = [&](Capture capture) {
    return make_measuring_evaluator(executor,
                                    {.repeats = 1, .first_warm_up = 0, .capture = capture})
        ->evaluate_one(on(0));
  };
  EXPECT_TRUE(measured(Capture::kWherePossible).feasible());
  EXPECT_EQ(executor.log, "p0scs");
  const Outcome outcome = measured(Capture::kAlways);
  ASSERT_FALSE(outcome.feasible());
  EXPECT_EQ(outcome.infeasible->reason, InfeasibleReason::kUnsupported);
  EXPECT_EQ(outcome.infeasible->text,
            "its step cannot be captured: its ops run on cuda:0 and cuda:1");
}

TEST(MeasuringEvaluator, LimitFollowsTheBestMedian) {
  FakeExecutor executor;
  executor.times[0] = {2, 2, 2};
  executor.times[1] = {9};
  const auto evaluator = make_measuring_evaluator(executor, {.repeats = 2,
                                                             .warm_up = 1,
                                                             .first_warm_up = 1,
                                                             .limit_factor = 3,
                                                             .first_limit_seconds = 50});
  EXPECT_TRUE(evaluator->evaluate_one(on(0)).feasible());
  const Outcome late = evaluator->evaluate_one(on(1));
  ASSERT_FALSE(late.feasible());
  EXPECT_EQ(late.infeasible->reason, InfeasibleReason::kTimeOut);
  EXPECT_THAT(executor.limits, ElementsAre(50, 50, 50, 6));
  EXPECT_EQ(executor.log, "p0sssp1sr");  // state may be half updated
}

TEST(MeasuringEvaluator, StateStartsAnewNowAndThen) {
  FakeExecutor executor;
  const auto evaluator =
      make_measuring_evaluator(executor, {.repeats = 60, .warm_up = 0, .first_warm_up = 0});
  for (int i = 0; i < 3; ++i) {
    (void)evaluator->evaluate_one(on(0));
  }
  // After 120 steps, before the third evaluation.
  EXPECT_EQ(executor.log.find('r'), 2 * (2 + 60));
}

TEST(MeasuringEvaluator, NeedsARepeat) {
  FakeExecutor executor;
  EXPECT_THROW((void)make_measuring_evaluator(executor, {.repeats = 0}), Error);
}

// As placements that are measured in turn use it.
TEST(OneStep, DiscardsOneStepAfterEverySwitch) {
  FakeExecutor executor;
  executor.times[0] = {9, 9, 9, 9, 9, 1, 8, 2};
  executor.times[1] = {9, 3};
  const auto evaluator = make_measuring_evaluator(executor, one_step());
  EXPECT_EQ(evaluator->evaluate_one(on(0)).step_time, from_seconds(1));
  EXPECT_EQ(evaluator->evaluate_one(on(1)).step_time, from_seconds(3));
  EXPECT_EQ(evaluator->evaluate_one(on(0)).step_time, from_seconds(2));
  EXPECT_EQ(executor.log, "p0ssssssp1ssp0ss");
}

// 100 s are far above four times the best, but a machine that pauses says nothing of a placement.
TEST(OneStep, APauseDoesNotDisqualify) {
  FakeExecutor paused;
  paused.times[0] = {1, 1, 1, 1, 1, 1, 100, 1, 1, 200};
  const auto evaluator = make_measuring_evaluator(paused, one_step());
  EXPECT_TRUE(evaluator->evaluate_one(on(0)).feasible());
  EXPECT_TRUE(evaluator->evaluate_one(on(0)).feasible());
  const Outcome late = evaluator->evaluate_one(on(0));
  ASSERT_FALSE(late.feasible());  // beyond first_limit_seconds
  EXPECT_EQ(late.infeasible->reason, InfeasibleReason::kTimeOut);
}

}  // namespace
}  // namespace placer::profile
