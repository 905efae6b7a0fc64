#include "placer/evaluate/statistics.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace placer {
namespace {

using Samples = std::vector<double>;

Samples first_integers(int n) {
  Samples samples(static_cast<std::size_t>(n));
  std::iota(samples.begin(), samples.end(), 1.0);
  return samples;
}

TEST(Median, IsTheMiddleOrTheMeanOfTheMiddles) {
  EXPECT_EQ(median(Samples{3, 1, 2}), 2);
  EXPECT_EQ(median(Samples{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median(Samples{7}), 7);
  EXPECT_TRUE(std::isnan(median(Samples{})));
}

// Type 7: position q (n - 1) from the smallest, here 0.1 x 4 = 0.4 and 0.75 x 4 = 3.
TEST(Quantile, InterpolatesLinearly) {
  const Samples samples = {50, 10, 40, 20, 30};
  EXPECT_DOUBLE_EQ(quantile(samples, 0.1), 14);
  EXPECT_EQ(quantile(samples, 0.75), 40);
  EXPECT_EQ(quantile(samples, 0), 10);
  EXPECT_EQ(quantile(samples, 1), 50);
}

// Binomial(10, 1/2): P(X <= 1) = 11/1024 = 1.1 %, P(X <= 2) = 56/1024 = 5.5 %: one sample dropped
// at either end. n = 30: P(X <= 9) = 2.1 %, P(X <= 10) = 4.9 %: the 10th and the 21st, as in
// tables.
TEST(MedianInterval, ComesFromOrderStatistics) {
  const Interval ten = median_interval(first_integers(10));
  EXPECT_EQ(ten.low, 2);
  EXPECT_EQ(ten.high, 9);
  const Interval thirty = median_interval(first_integers(30));
  EXPECT_EQ(thirty.low, 10);
  EXPECT_EQ(thirty.high, 21);
}

// 2^-5 = 3.1 % > 2.5 %: five samples cannot cover 95 %; six do with their range (2^-6 = 1.6 %).
TEST(MedianInterval, IsTheRangeOfFewSamples) {
  for (const int n : {1, 2, 5, 6}) {
    const Interval interval = median_interval(first_integers(n));
    EXPECT_EQ(interval.low, 1);
    EXPECT_EQ(interval.high, n);
  }
  EXPECT_TRUE(std::isnan(median_interval(Samples{}).low));
}

// Normal approximation: n/2 -+ 0.98 sqrt(n) = 5000 -+ 98.
TEST(MedianInterval, WorksForManySamples) {
  const Interval interval = median_interval(first_integers(10000));
  EXPECT_NEAR(interval.low, 4902, 1.5);
  EXPECT_NEAR(interval.high, 5099, 1.5);
}

TEST(ComparePaired, DecidesWhenTheIntervalExcludesOne) {
  const Samples a = {11, 22, 33, 44, 55, 66};
  const Samples b = {10, 20, 30, 40, 50, 60};
  const PairedComparison slower = compare_paired(a, b);
  EXPECT_DOUBLE_EQ(slower.ratio, 1.1);
  EXPECT_TRUE(slower.decided);
  EXPECT_TRUE(compare_paired(b, a).decided);
  const PairedComparison same = compare_paired(a, a);
  EXPECT_EQ(same.ratio, 1);
  EXPECT_FALSE(same.decided);
}

TEST(ComparePaired, DecidesNothingOnFivePairs) {
  const Samples a = {11, 22, 33, 44, 55};
  const Samples b = {10, 20, 30, 40, 50};
  EXPECT_FALSE(compare_paired(a, b).decided);
}

TEST(ComparePaired, PairsCancelCommonDrift) {
  const Samples a = {1.02, 2.04, 4.08, 8.16, 16.32, 32.64, 65.28};
  const Samples b = {1, 2, 4, 8, 16, 32, 64};
  EXPECT_TRUE(compare_paired(a, b).decided);
  EXPECT_NEAR(compare_paired(a, b).ratio, 1.02, 1e-12);
}

// Ranks of a: 1, 2.5, 2.5, 4; of b: 1, 3, 2, 4. Deviations (-1.5, 0, 0, 1.5) and (-1.5, .5, -.5,
// 1.5): covariance 4.5, variances 4.5 and 5: 4.5 / sqrt(22.5) = 0.948683.
TEST(Spearman, AveragesTies) {
  EXPECT_NEAR(spearman(Samples{10, 20, 20, 30}, Samples{1, 9, 8, 10}), 0.9486832980505138, 1e-12);
  EXPECT_DOUBLE_EQ(spearman(Samples{1, 2, 3}, Samples{3, 2, 1}), -1);
  EXPECT_EQ(spearman(Samples{1, 1, 1}, Samples{1, 2, 3}), 0);
}

// Pairs: (1,2) tied in a; (1,3), (2,3) concordant; (3,4) discordant; (1,4), (2,4) concordant.
// 4 - 1 = 3 over sqrt(5 untied in a x 6 untied in b).
TEST(KendallTauB, CountsTiesOut) {
  EXPECT_NEAR(kendall_tau_b(Samples{1, 1, 2, 3}, Samples{1, 2, 4, 3}), 3 / std::sqrt(30.0), 1e-12);
  EXPECT_EQ(kendall_tau_b(Samples{2, 2}, Samples{1, 2}), 0);
}

TEST(TopKRegret, IsWhatThePicksCost) {
  const Samples predicted = {5, 1, 2, 3};
  const Samples measured = {10, 14, 12, 11};
  EXPECT_DOUBLE_EQ(top_k_regret(predicted, measured, 1), 14.0 / 10 - 1);
  EXPECT_DOUBLE_EQ(top_k_regret(predicted, measured, 2), 12.0 / 10 - 1);
  EXPECT_DOUBLE_EQ(top_k_regret(predicted, measured, 3), 11.0 / 10 - 1);
  EXPECT_EQ(top_k_regret(predicted, measured, 4), 0);
  EXPECT_EQ(top_k_regret(predicted, measured, 9), 0);
}

// t = 10, 12, 15, 20, t' = 11, 10, 15, 18: errors +1/10, -2/12, 0, -2/20.
// Mean of absolutes 0.0916.., signed -0.0416..; ranks 1 2 3 4 and 2 1 3 4: 1 - 6 x 2 / 60 = 0.8.
TEST(Fidelity, WorkedExample) {
  const Samples measured = {10, 12, 15, 20};
  const Samples predicted = {11, 10, 15, 18};
  const Fidelity result = fidelity(predicted, measured);
  EXPECT_NEAR(result.mape, 11.0 / 120, 1e-12);
  EXPECT_NEAR(result.bias, -5.0 / 120, 1e-12);
  EXPECT_NEAR(result.spearman, 0.8, 1e-12);
  EXPECT_DOUBLE_EQ(result.kendall_best_half, -1);  // 10 and 12 are predicted in reverse
  EXPECT_NEAR(result.regret_top1, 0.2, 1e-12);
  EXPECT_EQ(top_k_regret(predicted, measured, 2), 0);
  EXPECT_EQ(result.regret_top5, 0);
}

TEST(Fidelity, OfAPerfectPrediction) {
  const Samples times = {3, 1, 2, 5, 4};
  const Fidelity result = fidelity(times, times);
  EXPECT_EQ(result.mape, 0);
  EXPECT_DOUBLE_EQ(result.spearman, 1);
  EXPECT_DOUBLE_EQ(result.kendall_best_half, 1);
  EXPECT_EQ(result.regret_top1, 0);
}

}  // namespace
}  // namespace placer
