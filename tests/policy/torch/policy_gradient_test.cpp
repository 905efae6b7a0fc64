#include "policy/torch/policy_gradient.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/torch/seq2seq.h"
#include "tests/policy/torch/numerical_gradient.h"
#include "tests/policy/torch/small_policy.h"

namespace placer::policy {
namespace {

using test::SmallPolicy;

std::vector<at::Tensor> values_of(const Seq2Seq& network) {
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : network.parameters()) values.push_back(parameter.value);
  return values;
}

// Two proposals of four decisions each:
// -(1 / (2 * 4)) (3 * -1 + -1 * -2) - 0.5 * mean(0.2, 0.4) = 0.125 - 0.15
TEST(ReinforceLoss, IsTheWeightedLogProbabilityPerDecisionMinusTheEntropy) {
  Evaluation evaluation;
  evaluation.log_probability =
      at::tensor({-0.5, -0.5, -0.25, -0.5, -0.25, -1.0, 0.0, 0.0}, at::kDouble).view({4, 2});
  evaluation.entropy = at::tensor({0.2, 0.4}, at::kDouble);
  const std::vector<double> advantages = {3, -1};
  EXPECT_NEAR(reinforce_loss(evaluation, advantages, 0.5).item<double>(), -0.025, 1e-15);
}

TEST(ReinforceLoss, HasTheNumericalGradient) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  auto streams = test::rngs(3, 0, 5);
  const at::Tensor actions = policy.network.sample(policy.encode(), streams).actions;
  const std::vector<double> advantages = {0.5, -1.5, 0, 2, -0.25};
  const auto loss = [&] {
    return reinforce_loss(policy.network.evaluate(policy.encode(), actions), advantages, 0.3);
  };
  test::expect_numerical_gradient(policy.network.parameters(), loss);
}

// Three ops on two devices have eight placements, so that expectations are sums. With J = sum_p
// pi(p) R(p), the expected gradient of the loss is -grad J / 3 whatever the baseline, since sum_p
// pi(p) grad log pi(p) = 0.
TEST(ReinforceLoss, ExpectedGradientIsThatOfTheExpectedReward) {
  const test::TestProblem problem = test::three_ops();
  SmallPolicy policy(test::tiny(), at::kDouble, problem);
  test::LoadAndCut evaluator(problem.costs());
  const at::Tensor every = test::all_placements(3, 2);
  std::vector<double> rewards;
  for (std::int64_t p = 0; p < 8; ++p) {
    Placement placement;
    for (std::int64_t g = 0; g < 3; ++g) {
      placement.device.push_back(
          id_at<DeviceId>(static_cast<std::size_t>(every[g][p].item<std::int64_t>())));
    }
    rewards.push_back(-std::sqrt(evaluator.evaluate_one(placement).step_time.microseconds()));
  }
  const auto weights = values_of(policy.network);
  const Evaluation evaluation = policy.network.evaluate(policy.encode(), every);
  const at::Tensor probability = evaluation.log_probability.sum(0).exp();
  const at::Tensor expected_reward = (probability * at::tensor(rewards, at::kDouble)).sum();
  const auto exact = torch::autograd::grad({expected_reward}, weights);

  std::vector<at::Tensor> expected;
  for (const at::Tensor& weight : weights) expected.push_back(at::zeros_like(weight.detach()));
  constexpr double baseline = -7;
  for (std::int64_t p = 0; p < 8; ++p) {
    const at::Tensor one = every.narrow(1, p, 1);
    const Evaluation single = policy.network.evaluate(policy.encode(), one);
    const double share = single.log_probability.sum().exp().item<double>();
    const std::vector<double> advantage = {rewards[static_cast<std::size_t>(p)] - baseline};
    const auto gradients = torch::autograd::grad({reinforce_loss(single, advantage, 0)}, weights);
    for (std::size_t i = 0; i < weights.size(); ++i) expected[i] += share * gradients[i];
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(expected[i].allclose(-exact[i] / 3, 1e-9, 1e-12))
        << policy.network.parameters()[i].name;
  }
}

// How much more probable four decisions of two proposals have become: with a clipping range of 0.2
// one is below it, two are within and one is above.
at::Tensor ratios_around_the_range() {
  return at::tensor({0.5, 0.5, 0.9, 0.9, 1.1, 1.1, 1.6, 1.6}, at::kDouble).view({4, 2});
}
const std::vector<double> kPraiseAndBlame = {2, -1};

// The lesser of r A and clip(r) A. A = 2: 1, 1.8, 2.2 and 2.4, clipped. A = -1: -0.8, clipped, and
// -0.9, -1.1, -1.6. In all -(7.4 - 4.4) / 8 - 0.5 * mean(0.2, 0.4) = -0.375 - 0.15
TEST(PpoLoss, IsTheClippedSurrogatePerDecisionMinusTheEntropy) {
  const at::Tensor before = at::full({4, 2}, -3.0, at::kDouble);
  const Evaluation now{.log_probability = before + ratios_around_the_range().log(),
                       .entropy = at::tensor({0.2, 0.4}, at::kDouble)};
  EXPECT_NEAR(ppo_loss(now, before, kPraiseAndBlame, 0.2, 0.5).item<double>(), -0.525, 1e-12);
}

// The gradient of the others is -r A / 8. A decision that has left the range against its advantage
// is called back.
TEST(PpoLoss, DecisionsThatHaveLeftTheRangeAsTheirAdvantageSaysTeachNothing) {
  const at::Tensor log_probability = ratios_around_the_range().log().requires_grad_();
  const Evaluation now{.log_probability = log_probability, .entropy = at::zeros({2}, at::kDouble)};
  const at::Tensor loss =
      ppo_loss(now, at::zeros({4, 2}, at::kDouble), kPraiseAndBlame, 0.2, /*entropy_weight=*/0.5);
  const at::Tensor expected =
      at::tensor({-1.0, 0.0, -1.8, 0.9, -2.2, 1.1, 0.0, 1.6}, at::kDouble).view({4, 2}) / 8;
  EXPECT_TRUE(torch::autograd::grad({loss}, {log_probability})[0].allclose(expected, 0, 1e-12));
}

TEST(PpoLoss, HasTheNumericalGradient) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  auto streams = test::rngs(3, 0, 2);
  const at::Tensor actions = policy.network.sample(policy.encode(), streams).actions;
  const at::Tensor before =
      policy.network.evaluate(policy.encode(), actions).log_probability.detach() -
      ratios_around_the_range().log();
  const auto loss = [&] {
    return ppo_loss(policy.network.evaluate(policy.encode(), actions), before, kPraiseAndBlame, 0.2,
                    0.3);
  };
  test::expect_numerical_gradient(policy.network.parameters(), loss);
}

// Of ratios 1, 2, 4 and 1: (0 + 1 - log 2 + 3 - log 4 + 0) / 4 = 1 - 3/4 log 2
TEST(MeanDivergence, IsTheMeanOfTheRatiosLessOneLessTheirLogarithms) {
  const at::Tensor before = at::full({2, 2}, -3.0, at::kDouble);
  const at::Tensor now = before + at::tensor({1.0, 2.0, 4.0, 1.0}, at::kDouble).log().view({2, 2});
  EXPECT_NEAR(mean_divergence(before, now), 1 - 0.75 * std::log(2.0), 1e-12);
  EXPECT_EQ(mean_divergence(before, before), 0);
}

// Adam's first step is lr * sign(gradient) for every weight whose gradient is well above epsilon.
TEST(AdamOptimizer, FirstStepHasTheLearningRatesSize) {
  const at::Tensor weight = at::full({3}, 1.0, at::kDouble).requires_grad_();
  AdamOptimizer optimizer({{"w", weight}}, 0.01, 1000);
  const auto step = optimizer.minimize((weight * at::tensor({2.0, -3.0, 6.0}, at::kDouble)).sum());
  EXPECT_TRUE(step.applied);
  EXPECT_DOUBLE_EQ(step.grad_norm, 7);  // sqrt(4 + 9 + 36)
  EXPECT_TRUE(weight.detach().allclose(at::tensor({0.99, 1.01, 0.99}, at::kDouble), 0, 1e-9));
}

// Norm 7 clipped to 1: the first moment is 0.1 * g / 7.
TEST(AdamOptimizer, GradientIsClippedToTheNorm) {
  const at::Tensor weight = at::full({3}, 1.0, at::kDouble).requires_grad_();
  AdamOptimizer optimizer({{"w", weight}}, 0.01, 1);
  static_cast<void>(optimizer.minimize((weight * at::tensor({2.0, -3.0, 6.0}, at::kDouble)).sum()));
  const at::Tensor mean = optimizer.state()[0].value;
  EXPECT_EQ(optimizer.state()[0].name, "adam.mean.w");
  EXPECT_TRUE(mean.allclose(at::tensor({0.2, -0.3, 0.6}, at::kDouble) / 7, 0, 1e-12));
}

TEST(AdamOptimizer, GradientThatIsNotFiniteChangesNothing) {
  const at::Tensor weight = at::full({2}, 1.0, at::kDouble).requires_grad_();
  AdamOptimizer optimizer({{"w", weight}}, 0.01, 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(optimizer.minimize((weight * nan).sum()).applied);
  EXPECT_TRUE(weight.detach().eq(1).all().item<bool>());
  for (const NamedTensor& state : optimizer.state()) {
    EXPECT_TRUE(state.value.eq(0).all().item<bool>()) << state.name;
  }
}

}  // namespace
}  // namespace placer::policy
