#include "policy/metrics.h"

#include <limits>

#include <gtest/gtest.h>

namespace placer::policy {
namespace {

TEST(Metrics, LineIsOneFlatObjectAndUnknownNumbersAreNull) {
  UpdateMetrics metrics;
  metrics.step = 3;
  metrics.wall_time = 0.5;
  metrics.reward_mean = -0.25;
  metrics.baseline = -2;
  metrics.grad_norm = std::numeric_limits<double>::quiet_NaN();
  metrics.entropy = 1.5;
  metrics.lr = 0.001;
  metrics.evaluations = 24;
  metrics.rollbacks = 2;
  EXPECT_EQ(to_json_line(metrics),
            R"({"step": 3, "wall_time": 0.5, "reward_mean": -0.25, "baseline": -2, )"
            R"("best_step_time_ms": null, "sample_mean_ms": null, "sample_median_ms": null, )"
            R"("feasible": 0, "loss_policy": null, "entropy": 1.5, "grad_norm": null, )"
            R"("lr": 0.001, "evaluations": 24, "rollbacks": 2})");
}

// 1, 2 and 6 ms: mean 3, median 2; the infeasible one has no time.
TEST(Metrics, SamplesAreDescribedByTheFeasibleOnes) {
  std::vector<Outcome> outcomes(4);
  outcomes[0].step_time = {1'000'000'000};
  outcomes[1].infeasible.emplace();
  outcomes[2].step_time = {6'000'000'000};
  outcomes[3].step_time = {2'000'000'000};
  UpdateMetrics metrics;
  describe_samples(outcomes, metrics);
  EXPECT_EQ(metrics.feasible, 3U);
  EXPECT_DOUBLE_EQ(metrics.sample_mean_ms.value(), 3.0);
  EXPECT_DOUBLE_EQ(metrics.sample_median_ms.value(), 2.0);
}

}  // namespace
}  // namespace placer::policy
