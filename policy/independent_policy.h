#pragma once

// A policy without a network: every unit has a categorical distribution of its own over the devices
// that it may use. The arithmetic of learning it; thread-compatible.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/base/ids.h"
#include "placer/base/random.h"

namespace placer::policy {

// Tables are [units, devices], row-major; entries of forbidden devices are 0 and stay so.
class IndependentPolicy {
 public:
  // Uniform.
  //   allowed  [units], a bit per device; no unit without one
  IndependentPolicy(std::vector<std::uint64_t> allowed, std::size_t num_devices);

  [[nodiscard]] std::size_t units() const { return allowed_.size(); }
  [[nodiscard]] std::size_t devices() const { return devices_; }
  [[nodiscard]] bool may_use(std::size_t unit, std::size_t device) const {
    return (allowed_[unit] >> device & 1) != 0;
  }
  [[nodiscard]] std::span<const double> logits() const { return logits_; }
  [[nodiscard]] std::span<const double> probabilities() const { return probabilities_; }
  // Nats per unit, in the mean.
  [[nodiscard]] double entropy() const;

  // A softmax a row over its allowed devices.
  void set_logits(std::vector<double> logits);
  // choice[u] is drawn by the u-th number of `rng`.  O(units * devices)
  void draw(Rng& rng, std::span<DeviceId> choice) const;

 private:
  std::vector<std::uint64_t> allowed_;
  std::size_t devices_;
  std::vector<double> logits_;
  std::vector<double> probabilities_;
};

using Choices = std::vector<std::vector<DeviceId>>;  // [count][units]

// For every unit and device, sums over the samples that chose it.
struct Credit {
  std::vector<double> gains;   // of positive advantages, by the number of samples
  std::vector<double> losses;  // of negative ones
};
[[nodiscard]] Credit credit_of(const IndependentPolicy& policy, const Choices& choices,
                               std::span<const double> advantages);

// [units, devices]: the share of `choices` (at least one) that has the unit on the device.
[[nodiscard]] std::vector<double> shares_of(const IndependentPolicy& policy,
                                            const Choices& choices);

struct Gradient {
  double loss = 0;
  std::vector<double> by_logit;  // [units, devices]
};

// With r = policy / before of a unit's choice, A the advantage of the sample, E the mean over units
// and samples, H the mean entropy of units:
//   loss = -E[min(r A, clip(r, 1 - range, 1 + range) A)] - entropy_weight H
// Every unit's decision has its own ratio: their product over all units would be clipped at once.
//   source  Schulman et al., arXiv 1707.06347, equation (7)
[[nodiscard]] Gradient surrogate_gradient(const IndependentPolicy& policy,
                                          std::span<const double> before, const Credit& credit,
                                          double range, double entropy_weight);

// -sum_ud shares log(policy) / units
[[nodiscard]] Gradient imitation_gradient(const IndependentPolicy& policy,
                                          std::span<const double> shares);

// Kullback-Leibler divergence of the policy from `before`, nats per unit.
[[nodiscard]] double divergence(std::span<const double> before, const IndependentPolicy& policy);

// The cross-entropy method's step (Rubinstein 1999): probabilities q become
// keep q + (1 - keep) shares, none below floor / (devices that the unit may use), then scaled to
// add up to 1.
//   keep, floor  0..1
void cross_entropy_step(IndependentPolicy& policy, std::span<const double> shares, double keep,
                        double floor);

}  // namespace placer::policy
