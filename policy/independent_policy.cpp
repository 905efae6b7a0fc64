#include "policy/independent_policy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

// A probability that has become too small for a double still has a logarithm.
double log_of(double probability) {
  return std::log(std::max(probability, std::numeric_limits<double>::min()));
}

double row_entropy(std::span<const double> probabilities) {
  double entropy = 0;
  for (const double p : probabilities) entropy -= p * log_of(p);
  return entropy;
}

std::span<const double> row_of(std::span<const double> table, std::size_t row, std::size_t width) {
  return table.subspan(row * width, width);
}

// min(r A, clip(r) A) summed over the samples that chose a device whose ratio is r, and its
// derivative by r.
struct Clipped {
  double value = 0;
  double slope = 0;
};
Clipped clipped(double ratio, double gains, double losses, double range) {
  Clipped result;
  const double high = 1 + range;
  const double low = 1 - range;
  result.value = gains * std::min(ratio, high) + losses * std::max(ratio, low);
  result.slope = (ratio < high ? gains : 0) + (ratio > low ? losses : 0);
  return result;
}

}  // namespace

IndependentPolicy::IndependentPolicy(std::vector<std::uint64_t> allowed, std::size_t num_devices)
    : allowed_(std::move(allowed)), devices_(num_devices) {
  for (const std::uint64_t mask : allowed_) PLACER_CHECK(mask != 0, "a unit with a device");
  set_logits(std::vector<double>(units() * devices_, 0.0));
}

double IndependentPolicy::entropy() const {
  return row_entropy(probabilities_) / static_cast<double>(units());
}

void IndependentPolicy::set_logits(std::vector<double> logits) {
  PLACER_CHECK(logits.size() == units() * devices_, "a logit for every unit and device");
  logits_ = std::move(logits);
  probabilities_.assign(logits_.size(), 0.0);
  for (std::size_t u = 0; u < units(); ++u) {
    const std::size_t row = u * devices_;
    double highest = -std::numeric_limits<double>::infinity();
    for (std::size_t d = 0; d < devices_; ++d) {
      if (may_use(u, d)) highest = std::max(highest, logits_[row + d]);
    }
    double total = 0;
    for (std::size_t d = 0; d < devices_; ++d) {
      if (!may_use(u, d)) continue;
      probabilities_[row + d] = std::exp(logits_[row + d] - highest);
      total += probabilities_[row + d];
    }
    for (std::size_t d = 0; d < devices_; ++d) probabilities_[row + d] /= total;
  }
}

void IndependentPolicy::draw(Rng& rng, std::span<DeviceId> choice) const {
  const double* row = probabilities_.data();
  for (std::size_t u = 0; u < choice.size(); ++u, row += devices_) {
    double left = rng.uniform();
    // What rounding leaves over goes to the last device that has any probability.
    std::size_t chosen = devices_;
    for (std::size_t d = 0; d < devices_; ++d) {
      if (row[d] <= 0) continue;
      chosen = d;
      left -= row[d];
      if (left < 0) break;
    }
    choice[u] = id_at<DeviceId>(chosen);
  }
}

Credit credit_of(const IndependentPolicy& policy, const Choices& choices,
                 std::span<const double> advantages) {
  PLACER_CHECK(choices.size() == advantages.size(), "an advantage for every sample");
  Credit credit{.gains = std::vector<double>(policy.probabilities().size()),
                .losses = std::vector<double>(policy.probabilities().size())};
  const double share = 1 / static_cast<double>(choices.size());
  for (std::size_t k = 0; k < choices.size(); ++k) {
    std::vector<double>& side = advantages[k] > 0 ? credit.gains : credit.losses;
    for (std::size_t u = 0; u < policy.units(); ++u) {
      side[u * policy.devices() + index(choices[k][u])] += advantages[k] * share;
    }
  }
  return credit;
}

std::vector<double> shares_of(const IndependentPolicy& policy, const Choices& choices) {
  return credit_of(policy, choices, std::vector<double>(choices.size(), 1.0)).gains;
}

Gradient surrogate_gradient(const IndependentPolicy& policy, std::span<const double> before,
                            const Credit& credit, double range, double entropy_weight) {
  const std::size_t devices = policy.devices();
  const double per_unit = 1 / static_cast<double>(policy.units());
  Gradient gradient{.loss = -entropy_weight * policy.entropy(),
                    .by_logit = std::vector<double>(before.size())};
  std::vector<double> by_probability(devices);  // d loss / d p, times p
  for (std::size_t u = 0; u < policy.units(); ++u) {
    const auto row = row_of(policy.probabilities(), u, devices);
    const double entropy = row_entropy(row);
    double total = 0;
    for (std::size_t d = 0; d < devices; ++d) {
      const std::size_t at = u * devices + d;
      by_probability[d] = 0;
      if (before[at] <= 0) continue;
      const double ratio = row[d] / before[at];
      const Clipped part = clipped(ratio, credit.gains[at], credit.losses[at], range);
      gradient.loss -= part.value * per_unit;
      by_probability[d] = -part.slope * ratio;
      total += by_probability[d];
    }
    for (std::size_t d = 0; d < devices; ++d) {
      // Of a softmax: d p_i / d logit_d = p_i ([i = d] - p_d); and
      // d H / d logit_d = -p_d (log p_d + H).
      const double of_entropy = row[d] * (log_of(row[d]) + entropy);
      gradient.by_logit[u * devices + d] =
          per_unit * (by_probability[d] - row[d] * total + entropy_weight * of_entropy);
    }
  }
  return gradient;
}

Gradient imitation_gradient(const IndependentPolicy& policy, std::span<const double> shares) {
  const double per_unit = 1 / static_cast<double>(policy.units());
  Gradient gradient{.loss = 0, .by_logit = std::vector<double>(shares.size())};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double p = policy.probabilities()[i];
    if (shares[i] > 0) gradient.loss -= shares[i] * log_of(p) * per_unit;
    gradient.by_logit[i] = (p - shares[i]) * per_unit;
  }
  return gradient;
}

double divergence(std::span<const double> before, const IndependentPolicy& policy) {
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] > 0) sum += before[i] * (log_of(before[i]) - log_of(policy.probabilities()[i]));
  }
  return sum / static_cast<double>(policy.units());
}

void cross_entropy_step(IndependentPolicy& policy, std::span<const double> shares, double keep,
                        double floor) {
  const std::size_t devices = policy.devices();
  std::vector<double> logits(shares.size());
  for (std::size_t u = 0; u < policy.units(); ++u) {
    double usable = 0;
    for (std::size_t d = 0; d < devices; ++d) usable += policy.may_use(u, d) ? 1 : 0;
    for (std::size_t d = 0; d < devices; ++d) {
      if (!policy.may_use(u, d)) continue;
      const std::size_t at = u * devices + d;
      const double mixed = keep * policy.probabilities()[at] + (1 - keep) * shares[at];
      // The softmax scales a row to add up to 1.
      logits[at] = log_of(std::max(mixed, floor / usable));
    }
  }
  policy.set_logits(std::move(logits));
}

}  // namespace placer::policy
