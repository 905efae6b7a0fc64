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
  std::string log;              // "p0" place on device 0, "s" step, "r" reset
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
  EXPECT_EQ(first.peak_memory[0], Bytes{300});  // the largest of the timed steps
  EXPECT_EQ(evaluator->evaluate_one(on(1)).step_time, from_seconds(6));
  EXPECT_EQ(executor.log, "p0ssssssssp1ssss");
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

TEST(MeasureInterleaved, TakesTurnsAndDiscardsOneStepAfterEverySwitch) {
  FakeExecutor executor;
  executor.times[0] = {8, 1, 8, 2};
  executor.times[1] = {9, 3, 9, 4};
  const std::vector<Contender> contenders = {{&executor, on(0)}, {&executor, on(1)}};
  int rounds = 0;
  const auto series = measure_interleaved(contenders, {.first_warm_up = 1, .limit_factor = 0},
                                          [&](std::span<const Series> so_far) {
                                            EXPECT_EQ(so_far.size(), 2U);
                                            return ++rounds < 2;
                                          });
  EXPECT_EQ(executor.log, "p0ssp1ssp0ssp1ss");
  EXPECT_THAT(series[0].seconds, ElementsAre(1, 2));
  EXPECT_THAT(series[1].seconds, ElementsAre(3, 4));
}

TEST(MeasureInterleaved, ContenderThatFailsSitsOut) {
  FakeExecutor good;
  FakeExecutor bad;
  bad.times[0] = {1, 1, 200, 1};  // beyond first_limit_seconds
  const std::vector<Contender> contenders = {{&bad, on(0)}, {&good, on(0)}};
  int rounds = 0;
  const auto series = measure_interleaved(contenders, {.first_warm_up = 1, .limit_factor = 4},
                                          [&](std::span<const Series>) { return ++rounds < 3; });
  EXPECT_TRUE(series[0].infeasible);
  EXPECT_EQ(series[0].seconds.size(), 1U);
  EXPECT_FALSE(series[1].infeasible);
  EXPECT_EQ(series[1].seconds.size(), 3U);
  EXPECT_EQ(bad.log, "p0ssp0sr");
}

// 100 s are far above four times the best, but a machine that pauses says nothing of a placement.
TEST(MeasureInterleaved, APauseDoesNotDisqualify) {
  FakeExecutor paused;
  paused.times[0] = {1, 1, 100, 1};
  const std::vector<Contender> contenders = {{&paused, on(0)}};
  int rounds = 0;
  const auto series = measure_interleaved(contenders, {.first_warm_up = 1, .limit_factor = 4},
                                          [&](std::span<const Series>) { return ++rounds < 3; });
  EXPECT_FALSE(series[0].infeasible);
  EXPECT_EQ(series[0].seconds.size(), 3U);
}

}  // namespace
}  // namespace placer::profile
