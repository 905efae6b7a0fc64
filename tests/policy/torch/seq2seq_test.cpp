#include "policy/torch/seq2seq.h"

#include <cmath>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "tests/policy/torch/small_policy.h"

namespace placer::policy {
namespace {

using test::rngs;
using test::SmallPolicy;

// Central differences of a scalar function of the weights against its gradient: every weight of
// every parameter.
template <typename Function>
void expect_gradient_matches(const Seq2Seq& network, const Function& function) {
  std::vector<at::Tensor> weights;
  for (const NamedTensor& parameter : network.parameters()) weights.push_back(parameter.value);
  const auto gradients = torch::autograd::grad({function()}, weights);
  const at::NoGradGuard guard;
  constexpr double step = 1e-5;
  for (std::size_t p = 0; p < weights.size(); ++p) {
    double* data = weights[p].mutable_data_ptr<double>();
    const at::Tensor gradient = gradients[p].contiguous();
    const double* expected = gradient.const_data_ptr<double>();
    for (std::int64_t i = 0; i < weights[p].numel(); ++i) {
      const double before = data[i];
      data[i] = before + step;
      const double above = function().template item<double>();
      data[i] = before - step;
      const double below = function().template item<double>();
      data[i] = before;
      EXPECT_NEAR((above - below) / (2 * step), expected[i], 1e-7)
          << network.parameters()[p].name << "[" << i << "]";
    }
  }
}

SequenceParameters shaped() {
  SequenceParameters parameters = test::tiny();
  parameters.temperature = 0.7;
  parameters.tanh = 2.5;
  return parameters;
}

TEST(Seq2Seq, LogProbabilityHasTheNumericalGradient) {
  for (const SequenceParameters& parameters : {test::tiny(), shaped()}) {
    SmallPolicy policy(parameters, at::kDouble);
    policy.forbid(1, 2);
    auto streams = rngs(3, 0, 4);
    const at::Tensor actions = policy.network.sample(policy.encode(), streams).actions;
    expect_gradient_matches(policy.network, [&] {
      return policy.network.evaluate(policy.encode(), actions).log_probability.sum();
    });
  }
}

TEST(Seq2Seq, EntropyHasTheNumericalGradient) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  policy.forbid(0, 1);
  auto streams = rngs(3, 0, 4);
  const at::Tensor actions = policy.network.sample(policy.encode(), streams).actions;
  expect_gradient_matches(policy.network, [&] {
    return policy.network.evaluate(policy.encode(), actions).entropy.sum();
  });
}

TEST(Seq2Seq, SamplingAndTeacherForcingAgree) {
  for (const bool bidirectional : {true, false}) {
    for (SequenceParameters parameters : {test::tiny(), shaped()}) {
      parameters.bidirectional = bidirectional;
      parameters.hidden = 32;
      SmallPolicy policy(parameters, at::kFloat);
      policy.forbid(2, 0);
      auto streams = rngs(5, 1, 64);
      const Encoding encoding = policy.encode();
      const Samples samples = policy.network.sample(encoding, streams);
      const at::Tensor forced =
          policy.network.evaluate(encoding, samples.actions).log_probability.sum(0);
      EXPECT_TRUE(forced.to(at::kDouble).allclose(samples.log_probability, 0, 1e-4));
    }
  }
}

TEST(Seq2Seq, SamplingIsIndependentOfWhoElseIsSampled) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  const Encoding encoding = policy.encode();
  auto together = rngs(7, 2, 8);
  const at::Tensor all = policy.network.sample(encoding, together).actions;
  auto streams = rngs(7, 2, 8);
  const at::Tensor alone = policy.network.sample(encoding, {&streams[5], 1}).actions;
  EXPECT_TRUE(alone.equal(all.narrow(1, 5, 1)));
}

// The probabilities of all placements sum to 1, and 20,000 samples fall on each as often as its
// probability says: within five standard deviations.
TEST(Seq2Seq, SamplesFollowTheProbabilities) {
  SmallPolicy policy(test::tiny(), at::kDouble, test::three_ops());
  for (const NamedTensor& parameter : policy.network.parameters()) {
    const at::NoGradGuard guard;
    at::Tensor value = parameter.value;
    if (parameter.name.starts_with("output.")) value.mul_(50);  // far from uniform
  }
  const Encoding encoding = policy.encode();
  const at::Tensor every = test::all_placements(3, 2);
  const at::Tensor probability =
      policy.network.evaluate(encoding, every).log_probability.sum(0).exp().detach();
  EXPECT_NEAR(probability.sum().item<double>(), 1, 1e-12);

  constexpr std::int64_t count = 20'000;
  auto streams = rngs(11, 0, count);
  const at::Tensor actions = policy.network.sample(encoding, streams).actions;
  std::vector<std::int64_t> hits(8, 0);
  const std::int64_t* data = actions.const_data_ptr<std::int64_t>();
  for (std::int64_t k = 0; k < count; ++k) {
    ++hits[static_cast<std::size_t>(4 * data[k] + 2 * data[count + k] + data[2 * count + k])];
  }
  double largest = 0;
  for (std::int64_t p = 0; p < 8; ++p) {
    const double expected = probability[p].item<double>();
    const double deviation = std::sqrt(expected * (1 - expected) / count);
    EXPECT_NEAR(static_cast<double>(hits[static_cast<std::size_t>(p)]) / count, expected,
                5 * deviation)
        << "placement " << p;
    largest = std::max(largest, expected);
  }
  EXPECT_GT(largest,
            0.2);  // not the uniform 1/8: the test would see a sampler that ignores the logits
}

// With e^8 against 1 for each group's device: 1 / (1 + 2 e^-8) to the fourth, but for the tenth of
// the usual size that the other logits have.
TEST(Seq2Seq, FirstLogitsAreWeightsThatBeginInTurn) {
  const SmallPolicy without(test::tiny(), at::kDouble);
  const Inputs& inputs = without.inputs;
  Seq2Seq network(test::tiny(), inputs, /*seed=*/1, {{8, 0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0}, {}});
  EXPECT_EQ(network.ways_to_begin(), 2U);
  const at::Tensor favoured = at::tensor({0, 1, 2, 0}, at::kLong).unsqueeze(1);
  const auto likelihood = [&](const Seq2Seq& of) {
    return of.evaluate(of.encode(inputs), favoured).log_probability.sum();
  };
  EXPECT_GT(likelihood(network).item<double>(), std::log(0.99));
  expect_gradient_matches(network, [&] { return likelihood(network); });
  auto streams = rngs(5, 1, 16);
  const Samples samples = network.sample(network.encode(inputs), streams);
  const at::Tensor forced =
      network.evaluate(network.encode(inputs), samples.actions).log_probability.sum(0);
  EXPECT_TRUE(forced.allclose(samples.log_probability, 0, 1e-9));

  network.reset(1, 1);
  SmallPolicy other(test::tiny(), at::kDouble);
  other.network.reset(1, 1);
  EXPECT_EQ(likelihood(network).item<double>(), likelihood(other.network).item<double>());
}

TEST(Seq2Seq, ForbiddenDevicesAreNeverSampledAndCarryNoEntropy) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  // Every group has one device left: nothing is random.
  for (std::int64_t group = 0; group < 4; ++group) {
    for (std::int64_t device = 0; device < 3; ++device) {
      if (device != group % 3) policy.forbid(group, device);
    }
  }
  auto streams = rngs(1, 0, 50);
  const Encoding encoding = policy.encode();
  const Samples samples = policy.network.sample(encoding, streams);
  for (std::int64_t group = 0; group < 4; ++group) {
    EXPECT_TRUE(samples.actions.select(0, group).eq(group % 3).all().item<bool>());
  }
  const Evaluation evaluation = policy.network.evaluate(encoding, samples.actions);
  EXPECT_EQ(evaluation.log_probability.abs().max().item<double>(), 0);
  EXPECT_EQ(evaluation.entropy.abs().max().item<double>(), 0);
}

TEST(Seq2Seq, ForbiddenActionsHaveNoProbabilityAndGradientsStayFinite) {
  SmallPolicy policy(test::tiny(), at::kDouble);
  policy.forbid(1, 0);
  auto streams = rngs(1, 0, 200);
  const Encoding encoding = policy.encode();
  const at::Tensor actions = policy.network.sample(encoding, streams).actions;
  EXPECT_FALSE(actions.select(0, 1).eq(0).any().item<bool>());
  at::Tensor broken = actions.narrow(1, 0, 1).clone();
  broken.select(0, 1).fill_(0);
  EXPECT_EQ(policy.network.evaluate(encoding, broken).log_probability.sum().item<double>(),
            -INFINITY);
  const Evaluation evaluation = policy.network.evaluate(encoding, actions);
  std::vector<at::Tensor> weights;
  for (const NamedTensor& parameter : policy.network.parameters())
    weights.push_back(parameter.value);
  const auto gradients =
      torch::autograd::grad({evaluation.log_probability.sum() + evaluation.entropy.sum()}, weights);
  for (const at::Tensor& gradient : gradients) EXPECT_TRUE(gradient.isfinite().all().item<bool>());
}

TEST(Seq2Seq, FirstPolicyIsNearlyUniform) {
  SmallPolicy policy(SequenceParameters{}, at::kFloat);
  auto streams = rngs(1, 0, 16);
  const Encoding encoding = policy.encode();
  const at::Tensor actions = policy.network.sample(encoding, streams).actions;
  const Evaluation evaluation = policy.network.evaluate(encoding, actions);
  EXPECT_GT(evaluation.entropy.min().item<double>(), 0.95 * std::log(3.0));
}

TEST(Seq2Seq, SameSeedSameWeights) {
  SmallPolicy a(test::tiny(), at::kFloat);
  SmallPolicy b(test::tiny(), at::kFloat);
  for (std::size_t i = 0; i < a.network.parameters().size(); ++i) {
    EXPECT_TRUE(a.network.parameters()[i].value.equal(b.network.parameters()[i].value));
  }
}

}  // namespace
}  // namespace placer::policy
