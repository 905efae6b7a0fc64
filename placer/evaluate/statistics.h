#pragma once

// Statistics of measured samples, and of one series against another. Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace placer {

[[nodiscard]] double median(std::span<const double> samples);               // NaN when empty
[[nodiscard]] double quantile(std::span<const double> samples, double q);  // linear interpolation (type 7)

struct Interval {
  double low = 0;
  double high = 0;
};

// 95 % confidence interval of the median from order statistics (binomial, distribution-free); the range when there are fewer than 6.
[[nodiscard]] Interval median_interval(std::span<const double> samples);

// Of paired, interleaved samples a[i], b[i].
struct PairedComparison {
  double ratio = 1;        // median of a[i] / b[i]
  Interval interval;       // 95 % of that median
  bool decided = false;    // the interval excludes 1
};
[[nodiscard]] PairedComparison compare_paired(std::span<const double> a, std::span<const double> b);

// Predicted against measured times of the same placements (docs/simulator.md, fidelity).
struct Fidelity {
  double mape = 0;        // mean |p - m| / m
  double bias = 0;        // mean (p - m) / m
  double spearman = 0;    // ranks with ties averaged
  double kendall_best_half = 0;  // tau-b over the better half by measurement
  double regret_top1 = 0;  // min of m over the k best predicted / min of m - 1
  double regret_top5 = 0;
};
[[nodiscard]] Fidelity fidelity(std::span<const double> predicted, std::span<const double> measured);

}  // namespace placer
