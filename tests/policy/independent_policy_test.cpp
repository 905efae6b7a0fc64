#include "policy/independent_policy.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

namespace placer::policy {
namespace {

constexpr std::size_t kDevices = 3;

std::vector<DeviceId> choice(std::initializer_list<std::size_t> devices) {
  std::vector<DeviceId> result;
  for (const std::size_t device : devices) result.push_back(id_at<DeviceId>(device));
  return result;
}

// Two units; the second may not use device 1.
IndependentPolicy two_units() {
  IndependentPolicy policy({0b111, 0b101}, kDevices);
  policy.set_logits({0.3, -0.2, 0.9, 0.4, 0, -0.7});
  return policy;
}

Choices four_samples() {
  return {choice({0, 0}), choice({1, 2}), choice({2, 2}), choice({2, 0})};
}
const std::vector<double> kAdvantages = {1.5, -0.5, 0.25, -2};

// Symmetric differences of `loss` at the policy, for every logit that may be used.
void expect_gradient(const IndependentPolicy& policy, const Gradient& gradient,
                     const std::function<double(const IndependentPolicy&)>& loss) {
  constexpr double step = 1e-6;
  for (std::size_t i = 0; i < gradient.by_logit.size(); ++i) {
    if (!policy.may_use(i / kDevices, i % kDevices)) {
      EXPECT_EQ(gradient.by_logit[i], 0);
      continue;
    }
    const auto moved = [&](double by) {
      std::vector<double> logits(policy.logits().begin(), policy.logits().end());
      logits[i] += by;
      IndependentPolicy other = policy;
      other.set_logits(std::move(logits));
      return loss(other);
    };
    EXPECT_NEAR(gradient.by_logit[i], (moved(step) - moved(-step)) / (2 * step), 1e-8) << i;
  }
}

// The definition, sample by sample.
double surrogate(const IndependentPolicy& policy, std::span<const double> before, double range,
                 double entropy_weight) {
  double sum = 0;
  const Choices samples = four_samples();
  for (std::size_t k = 0; k < samples.size(); ++k) {
    for (std::size_t u = 0; u < policy.units(); ++u) {
      const std::size_t at = u * kDevices + index(samples[k][u]);
      const double ratio = policy.probabilities()[at] / before[at];
      const double clipped = std::clamp(ratio, 1 - range, 1 + range);
      sum += std::min(ratio * kAdvantages[k], clipped * kAdvantages[k]);
    }
  }
  return -sum / static_cast<double>(samples.size() * policy.units()) -
         entropy_weight * policy.entropy();
}

TEST(IndependentPolicy, BeginsUniformOverWhatIsAllowed) {
  const IndependentPolicy policy({0b111, 0b101, 0b010}, kDevices);
  const double third = 1.0 / 3;
  const std::vector<double> expected = {third, third, third, 0.5, 0, 0.5, 0, 1, 0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(policy.probabilities()[i], expected[i]);
  }
  EXPECT_DOUBLE_EQ(policy.entropy(), (std::log(3.0) + std::log(2.0)) / 3);
}

// 60,000 draws: a share's standard deviation is at most 0.002.
TEST(IndependentPolicy, DrawsFollowTheProbabilitiesAndNeverTakeAForbiddenDevice) {
  const IndependentPolicy policy = two_units();
  constexpr int draws = 60'000;
  std::vector<double> share(6);
  Rng rng(5);
  std::vector<DeviceId> drawn(2);
  for (int i = 0; i < draws; ++i) {
    policy.draw(rng, drawn);
    for (std::size_t u = 0; u < 2; ++u) share[u * kDevices + index(drawn[u])] += 1.0 / draws;
  }
  for (std::size_t i = 0; i < share.size(); ++i) {
    EXPECT_NEAR(share[i], policy.probabilities()[i], 0.01) << i;
  }
  EXPECT_EQ(share[4], 0);
}

TEST(IndependentPolicy, ExtremeLogitsStayProbabilities) {
  IndependentPolicy policy({0b111}, kDevices);
  policy.set_logits({900, -900, 899});
  EXPECT_NEAR(policy.probabilities()[0], 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_EQ(policy.probabilities()[1], 0);
  EXPECT_TRUE(std::isfinite(policy.entropy()));
}

// The policy that samples: all ratios are 1, and the gradient is that of the policy gradient.
TEST(SurrogateGradient, IsThatOfFiniteDifferencesWhereNothingIsClipped) {
  const IndependentPolicy policy = two_units();
  const std::vector<double> before(policy.probabilities().begin(), policy.probabilities().end());
  const Credit credit = credit_of(policy, four_samples(), kAdvantages);
  const Gradient gradient = surrogate_gradient(policy, before, credit, 0.2, 0.1);
  EXPECT_NEAR(gradient.loss, surrogate(policy, before, 0.2, 0.1), 1e-12);
  expect_gradient(policy, gradient, [&](const IndependentPolicy& other) {
    return surrogate(other, before, 0.2, 0.1);
  });
}

// Ratios from 0.6 to 1.5, clipped to 0.9..1.1: some samples teach, some do not.
TEST(SurrogateGradient, IsThatOfFiniteDifferencesWhereSomeIsClipped) {
  const IndependentPolicy old = two_units();
  const std::vector<double> before(old.probabilities().begin(), old.probabilities().end());
  IndependentPolicy policy = old;
  policy.set_logits({0.9, -0.1, 0.5, 0.1, 0, -0.1});
  const Credit credit = credit_of(policy, four_samples(), kAdvantages);
  const Gradient gradient = surrogate_gradient(policy, before, credit, 0.1, 0.05);
  EXPECT_NEAR(gradient.loss, surrogate(policy, before, 0.1, 0.05), 1e-12);
  expect_gradient(policy, gradient, [&](const IndependentPolicy& other) {
    return surrogate(other, before, 0.1, 0.05);
  });
}

TEST(ImitationGradient, IsThatOfFiniteDifferences) {
  const IndependentPolicy policy = two_units();
  const std::vector<double> shares = shares_of(policy, four_samples());
  const auto loss = [&](const IndependentPolicy& other) {
    double sum = 0;
    for (const auto& sample : four_samples()) {
      for (std::size_t u = 0; u < 2; ++u) {
        sum -= std::log(other.probabilities()[u * kDevices + index(sample[u])]) / (4 * 2);
      }
    }
    return sum;
  };
  const Gradient gradient = imitation_gradient(policy, shares);
  EXPECT_NEAR(gradient.loss, loss(policy), 1e-12);
  expect_gradient(policy, gradient, loss);
}

// Both units of p = (1/2, 1/2) against q = (3/4, 1/4), in nats:
// ln(1/2 / 3/4) / 2 + ln(1/2 / 1/4) / 2 = (ln 2 - ln 3 + ln 2) / 2 = ln(4/3) / 2.
TEST(Divergence, IsThatOfKullbackAndLeibler) {
  IndependentPolicy policy({0b11, 0b11}, 2);
  const std::vector<double> before(policy.probabilities().begin(), policy.probabilities().end());
  EXPECT_EQ(divergence(before, policy), 0);
  policy.set_logits({std::log(3.0), 0, std::log(3.0), 0});
  EXPECT_NEAR(divergence(before, policy), std::log(4.0 / 3) / 2, 1e-12);
}

// Four of the elite have the first unit on device 0, none on 1 and one on 2: shares 0.8, 0, 0.2.
// From thirds, keeping 0.3: 0.1 + 0.7 * (0.8, 0, 0.2) = 0.66, 0.1, 0.24, above the floor of
// 0.24 / 3 = 0.08. The second unit, sure of device 2 in policy and elite, keeps 0 on device 0, which
// is lifted to 0.24 / 2 = 0.12: (0.12, 1) / 1.12.
TEST(CrossEntropyStep, MovesTowardsTheEliteAndLiftsWhatIsBelowTheFloor) {
  IndependentPolicy policy({0b111, 0b101}, kDevices);
  policy.set_logits({0, 0, 0, -1000, 0, 0});
  const Choices elite = {choice({0, 2}), choice({0, 2}), choice({0, 2}), choice({0, 2}),
                         choice({2, 2})};
  cross_entropy_step(policy, shares_of(policy, elite), 0.3, 0.24);
  const std::vector<double> expected = {0.66, 0.1, 0.24, 0.12 / 1.12, 0, 1 / 1.12};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(policy.probabilities()[i], expected[i], 1e-12) << i;
  }
}

}  // namespace
}  // namespace placer::policy
