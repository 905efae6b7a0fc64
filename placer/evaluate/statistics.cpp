#include "placer/evaluate/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "placer/base/error.h"

namespace placer {

namespace {

std::vector<double> sorted(std::span<const double> samples) {
  std::vector<double> result(samples.begin(), samples.end());
  std::ranges::sort(result);
  return result;
}

double quantile_of_sorted(std::span<const double> sorted_samples, double q) {
  if (sorted_samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = q * static_cast<double>(sorted_samples.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted_samples.size() - 1);
  const double weight = position - static_cast<double>(below);
  return sorted_samples[below] + weight * (sorted_samples[above] - sorted_samples[below]);
}

// How many samples to drop at either end for a 95 % interval of the median: the largest k with
// P(Binomial(n, 1/2) < k) <= 2.5 %, so that the k-th smallest and k-th largest are its ends.
// 0 when even the range covers less than 95 % (n < 6).
std::size_t median_interval_rank(std::size_t n) {
  const auto size = static_cast<double>(n);
  double log_probability = -size * std::log(2.0);  // of k hits
  double tail = 0;
  std::size_t k = 0;
  for (; k < n; ++k) {
    const auto hits = static_cast<double>(k);
    if (k > 0) log_probability += std::log((size - hits + 1) / hits);
    tail += std::exp(log_probability);
    if (tail > 0.025) break;
  }
  return k;
}

// Positions of `values` from smallest to largest, ties by position.
std::vector<std::size_t> order_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

// Ranks from 1, ties share the mean of their ranks.
std::vector<double> ranks_of(std::span<const double> values) {
  const auto order = order_of(values);
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) {
      ranks[order[i]] = static_cast<double>(first + last) / 2 + 1;
    }
    first = last + 1;
  }
  return ranks;
}

double pearson(std::span<const double> a, std::span<const double> b) {
  const auto size = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / size;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / size;
  double covariance = 0;
  double variance_a = 0;
  double variance_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    covariance += (a[i] - mean_a) * (b[i] - mean_b);
    variance_a += (a[i] - mean_a) * (a[i] - mean_a);
    variance_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  const double scale = std::sqrt(variance_a) * std::sqrt(variance_b);
  return scale > 0 ? covariance / scale : 0;
}

int sign_of(double difference) {
  return (difference > 0) - (difference < 0);
}

}  // namespace

double median(std::span<const double> samples) {
  return quantile(samples, 0.5);
}

double quantile(std::span<const double> samples, double q) {
  PLACER_CHECK(q >= 0 && q <= 1, "a quantile is a share");
  return quantile_of_sorted(sorted(samples), q);
}

Interval median_interval(std::span<const double> samples) {
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  if (samples.empty()) return {kNothing, kNothing};
  const auto values = sorted(samples);
  const std::size_t rank = std::max<std::size_t>(median_interval_rank(values.size()), 1);
  return {values[rank - 1], values[values.size() - rank]};
}

PairedComparison compare_paired(std::span<const double> a, std::span<const double> b) {
  PLACER_CHECK(a.size() == b.size(), "paired samples");
  std::vector<double> ratios;
  ratios.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ratios.push_back(a[i] / b[i]);
  }
  PairedComparison result;
  result.ratio = median(ratios);
  result.interval = median_interval(ratios);
  const bool covers_95_percent = median_interval_rank(ratios.size()) > 0;
  result.decided = covers_95_percent && (result.interval.low > 1 || result.interval.high < 1);
  return result;
}

double spearman(std::span<const double> a, std::span<const double> b) {
  PLACER_CHECK(a.size() == b.size(), "paired samples");
  return a.empty() ? 0 : pearson(ranks_of(a), ranks_of(b));
}

double kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  PLACER_CHECK(a.size() == b.size(), "paired samples");
  double concordance = 0;
  double untied_a = 0;
  double untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const int order_a = sign_of(a[i] - a[j]);
      const int order_b = sign_of(b[i] - b[j]);
      concordance += order_a * order_b;
      untied_a += order_a * order_a;
      untied_b += order_b * order_b;
    }
  }
  const double scale = std::sqrt(untied_a) * std::sqrt(untied_b);
  return scale > 0 ? concordance / scale : 0;
}

double top_k_regret(std::span<const double> predicted, std::span<const double> measured,
                    std::size_t k) {
  PLACER_CHECK(predicted.size() == measured.size() && k > 0, "paired samples");
  if (measured.empty()) return 0;
  const auto order = order_of(predicted);
  double picked = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(k, order.size()); ++i) {
    picked = std::min(picked, measured[order[i]]);
  }
  return picked / *std::ranges::min_element(measured) - 1;
}

Fidelity fidelity(std::span<const double> predicted, std::span<const double> measured) {
  PLACER_CHECK(predicted.size() == measured.size(), "paired samples");
  Fidelity result;
  if (measured.empty()) return result;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    const double error = (predicted[i] - measured[i]) / measured[i];
    result.mape += std::abs(error);
    result.bias += error;
  }
  result.mape /= static_cast<double>(measured.size());
  result.bias /= static_cast<double>(measured.size());
  result.spearman = spearman(predicted, measured);

  auto best_half = order_of(measured);
  best_half.resize((best_half.size() + 1) / 2);
  std::vector<double> half_predicted;
  std::vector<double> half_measured;
  for (const std::size_t i : best_half) {
    half_predicted.push_back(predicted[i]);
    half_measured.push_back(measured[i]);
  }
  result.kendall_best_half = kendall_tau_b(half_predicted, half_measured);
  result.regret_top1 = top_k_regret(predicted, measured, 1);
  result.regret_top5 = top_k_regret(predicted, measured, 5);
  return result;
}

}  // namespace placer
