#pragma once

// Statistics of measured samples, and of one series against another. Pure functions.

#include <cstddef>
#include <span>
#include <vector>

namespace placer {

[[nodiscard]] double median(std::span<const double> samples);  // NaN when empty
[[nodiscard]] double quantile(std::span<const double> samples,
                              double q);  // linear interpolation (type 7)

struct Interval {
  double low = 0;
  double high = 0;
};

// 95 % confidence interval of the median from order statistics (binomial, distribution-free). Fewer
// than 6 samples cannot give one: then it is their range.
[[nodiscard]] Interval median_interval(std::span<const double> samples);

// Of paired, interleaved samples a[i], b[i].
struct PairedComparison {
  double ratio = 1;      // median of a[i] / b[i]
  Interval interval;     // 95 % of that median
  bool decided = false;  // the interval excludes 1; never with fewer than 6 pairs
};
[[nodiscard]] PairedComparison compare_paired(std::span<const double> a, std::span<const double> b);

// Rank correlation, ties share the mean of their ranks; 0 when one side is constant.
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);
// (concordant - discordant pairs) / sqrt(pairs untied in a x pairs untied in b); 0 when one side is
// constant. O(n^2).
[[nodiscard]] double kendall_tau_b(std::span<const double> a, std::span<const double> b);
// What trusting the prediction costs: min of m over the k best predicted (ties to the lower index)
// / min of m - 1.
[[nodiscard]] double top_k_regret(std::span<const double> predicted,
                                  std::span<const double> measured, std::size_t k);

// Predicted against measured times of the same placements (docs/simulator.md, fidelity).
struct Fidelity {
  double mape = 0;               // mean |p - m| / m
  double bias = 0;               // mean (p - m) / m
  double spearman = 0;           // ranks with ties averaged
  double kendall_best_half = 0;  // tau-b over the better half by measurement
  double regret_top1 = 0;
  double regret_top5 = 0;
};
[[nodiscard]] Fidelity fidelity(std::span<const double> predicted,
                                std::span<const double> measured);

}  // namespace placer
