#include "policy/torch/hierarchical_policy.h"

#include <cmath>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/torch/policy_gradient.h"
#include "policy/torch/single_thread.h"
#include "tests/policy/torch/numerical_gradient.h"
#include "tests/policy/torch/small_policy.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::rngs;
using test::TestProblem;

GroupingParameters two_groups() {
  return {.groups = 2, .grouper_hidden = 3, .placements = 4};
}

// On three ops and two devices unless another problem is given.
struct SmallHierarchy {
  explicit SmallHierarchy(const GroupingParameters& grouping = two_groups(),
                          TestProblem of = test::three_ops(),
                          const SequenceParameters& placer = test::tiny())
      : problem(std::move(of)),
        evaluator(problem.costs()),
        whole(problem.with(evaluator)),
        network(make_hierarchical_policy(whole, grouping, placer, 1, at::kDouble)) {
    network->encode();
  }

  [[nodiscard]] std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> values;
    for (const NamedTensor& parameter : network->parameters()) values.push_back(parameter.value);
    return values;
  }
  [[nodiscard]] std::vector<Proposal> sample(std::int64_t count) const {
    auto streams = rngs(3, 0, count);
    return network->sample(streams);
  }
  // Far from uniform, so that tests see what ignores the logits.
  void sharpen() {
    for (const NamedTensor& parameter : network->parameters()) {
      const at::NoGradGuard guard;
      at::Tensor value = parameter.value;
      if (parameter.name.starts_with("placer.output.")) value.mul_(50);
      if (parameter.name == "grouper.output.weight") value.mul_(10);
    }
    network->encode();
  }

  TestProblem problem;
  LoadAndCut evaluator;
  Problem whole;
  std::unique_ptr<PolicyNetwork> network;
};

// Everything that can be drawn for three ops, two groups and two devices: groupings of all ops
// together leave a group without a device.
std::vector<Proposal> all_proposals() {
  std::vector<Proposal> result;
  for (std::int32_t code = 0; code < 8; ++code) {
    const std::vector<std::int32_t> grouping = {code >> 2 & 1, code >> 1 & 1, code & 1};
    const std::set<std::int32_t> used(grouping.begin(), grouping.end());
    for (std::int32_t first = 0; first < 2; ++first) {
      for (std::int32_t second = 0; second < (used.size() == 2 ? 2 : 1); ++second) {
        std::vector<std::int32_t> device_of = {first, second};
        if (used.size() == 1)
          device_of = *used.begin() == 0 ? std::vector{first, -1} : std::vector{-1, first};
        Proposal proposal{.placement = {}, .latent = grouping};
        for (const std::int32_t group : grouping) {
          const auto device = static_cast<std::size_t>(device_of[static_cast<std::size_t>(group)]);
          proposal.placement.device.push_back(id_at<DeviceId>(device));
        }
        proposal.latent.insert(proposal.latent.end(), device_of.begin(), device_of.end());
        result.push_back(std::move(proposal));
      }
    }
  }
  return result;
}

double reward(SmallHierarchy& policy, const Proposal& proposal) {
  return -std::sqrt(policy.evaluator.evaluate_one(proposal.placement).step_time.microseconds());
}

void expect_loss_has_the_numerical_gradient(SmallHierarchy& policy) {
  const std::vector<Proposal> proposals = policy.sample(4);
  const std::vector<double> advantages = {0.5, -1.5, 2, -0.25};
  test::expect_numerical_gradient(policy.network->parameters(), [&] {
    policy.network->encode();
    const Evaluation evaluation = policy.network->evaluate(proposals);
    return reinforce_loss(evaluation, advantages, 0.3) + evaluation.penalty;
  });
}

SequenceParameters with_runs(double strength) {
  SequenceParameters placer = test::tiny();
  placer.first.runs = strength;
  return placer;
}

TEST(HierarchicalPolicy, LossHasTheNumericalGradient) {
  GroupingParameters grouping = two_groups();
  grouping.usage = 0.7;
  grouping.placements = 2;  // two groupings
  SmallHierarchy plain(grouping, test::four_ops());
  expect_loss_has_the_numerical_gradient(plain);
  SmallHierarchy runs(grouping, test::four_ops(), with_runs(1));
  expect_loss_has_the_numerical_gradient(runs);
}

// A third of the ops on each device, not in one piece.
TEST(HierarchicalPolicy, AGivenPlacementIsDrawnWhenItHasBeenImitated) {
  const SingleThread guard;  // tensors this small gain nothing from more
  SmallHierarchy policy({.groups = 6, .grouper_hidden = 3, .placements = 4},
                        TestProblem(test::grid(3, 4, 50, 100), {.devices = 3}));
  Placement placement = all_on(policy.problem.graph(), DeviceId{0});
  for (std::size_t v = 0; v < placement.device.size(); ++v) {
    placement.device[v] = id_at<DeviceId>(v / 2 % 3);
  }
  const Proposal proposal = policy.network->proposal_of(placement).value();
  EXPECT_EQ(proposal.placement.device, placement.device);
  EXPECT_TRUE(policy.network->takes(proposal));
  AdamOptimizer optimizer(policy.network->parameters(), 0.05, 1);
  for (int step = 0; step < 300; ++step) {
    policy.network->encode();
    ASSERT_TRUE(
        optimizer.minimize(imitation_loss(policy.network->evaluate({&proposal, 1}))).applied);
  }
  policy.network->encode();
  std::size_t same = 0;
  for (const Proposal& sample : policy.sample(20)) {
    same += sample.placement.device == placement.device ? 1 : 0;
  }
  EXPECT_GE(same, 15U);
}

// Nine ops that take as long, in three groups, on three devices: with runs as strong as 100 the
// middle ops of each third are sure of their group, and each group of its device. In odd rounds
// devices are not.
TEST(HierarchicalPolicy, GroupsAreRunsAndInEvenRoundsDevicesToo) {
  const GroupingParameters grouping = {.groups = 3, .grouper_hidden = 3, .placements = 1};
  SmallHierarchy policy(grouping, TestProblem(test::grid(3, 3, 50, 100), {.devices = 3}),
                        with_runs(100));
  for (const std::uint64_t round : {0U, 1U, 2U}) {
    policy.network->reset(1, round);
    policy.network->encode();
    std::size_t elsewhere = 0;
    for (const Proposal& proposal : policy.sample(20)) {
      for (const std::size_t middle : {1U, 4U, 7U}) {
        EXPECT_EQ(proposal.latent[middle], static_cast<std::int32_t>(middle / 3));
        elsewhere += proposal.placement.device[middle] == id_at<DeviceId>(middle / 3) ? 0 : 1;
      }
    }
    // Of 60, two thirds where all devices are as likely.
    EXPECT_TRUE(round == 1 ? elsewhere > 20 : elsewhere == 0) << round << ": " << elsewhere;
  }
}

TEST(HierarchicalPolicy, ProbabilitiesOfAllThatCanBeDrawnSumToOne) {
  SmallHierarchy policy;
  policy.sharpen();
  const std::vector<Proposal> every = all_proposals();
  ASSERT_EQ(every.size(), 28U);  // 6 groupings of two groups, 4 ways each; 2 of one, 2 ways each
  const Evaluation evaluation = policy.network->evaluate(every);
  EXPECT_EQ(evaluation.log_probability.size(0), 3 + 2);
  EXPECT_NEAR(evaluation.log_probability.sum(0).exp().sum().item<double>(), 1, 1e-12);
}

// 4,000 samples fall on each as often as the teacher-forced pass says: within five standard
// deviations.
TEST(HierarchicalPolicy, SamplingAndTeacherForcingAgree) {
  GroupingParameters grouping = two_groups();
  grouping.placements = 1;
  SmallHierarchy policy(grouping);
  policy.sharpen();
  constexpr std::int64_t count = 4'000;
  std::map<std::vector<std::int32_t>, int> hits;
  for (const Proposal& proposal : policy.sample(count)) ++hits[proposal.latent];
  double largest = 0;
  for (const Proposal& proposal : all_proposals()) {
    const Evaluation evaluation = policy.network->evaluate({&proposal, 1});
    const double expected = evaluation.log_probability.sum().exp().item<double>();
    const double deviation = std::sqrt(expected * (1 - expected) / count);
    EXPECT_NEAR(static_cast<double>(hits[proposal.latent]) / count, expected, 5 * deviation);
    largest = std::max(largest, expected);
  }
  EXPECT_GT(largest, 0.1);
}

// With J = sum over all that can be drawn of pi(p) R(p), the expected gradient of the loss is
// -grad J / 5 whatever the baseline, since sum_p pi(p) grad log pi(p) = 0: for the grouper and the
// placer together.
TEST(HierarchicalPolicy, ExpectedGradientIsThatOfTheExpectedReward) {
  SmallHierarchy policy;
  policy.sharpen();
  const std::vector<Proposal> every = all_proposals();
  const std::vector<at::Tensor> weights = policy.weights();
  std::vector<double> rewards;
  for (const Proposal& proposal : every) rewards.push_back(reward(policy, proposal));
  policy.network->encode();
  const Evaluation evaluation = policy.network->evaluate(every);
  const at::Tensor probability = evaluation.log_probability.sum(0).exp();
  const at::Tensor expected_reward = (probability * at::tensor(rewards, at::kDouble)).sum();
  const auto exact = torch::autograd::grad({expected_reward}, weights);

  std::vector<at::Tensor> expected;
  for (const at::Tensor& weight : weights) expected.push_back(at::zeros_like(weight.detach()));
  for (std::size_t p = 0; p < every.size(); ++p) {
    policy.network->encode();
    const Evaluation single = policy.network->evaluate({&every[p], 1});
    const double share = single.log_probability.sum().exp().item<double>();
    const std::vector<double> advantage = {rewards[p] + 7};
    const auto gradients = torch::autograd::grad({reinforce_loss(single, advantage, 0)}, weights);
    for (std::size_t i = 0; i < weights.size(); ++i) expected[i] += share * gradients[i];
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TRUE(expected[i].allclose(-exact[i] / 5, 1e-9, 1e-12))
        << policy.network->parameters()[i].name;
    EXPECT_GT(exact[i].abs().max().item<double>(), 0) << policy.network->parameters()[i].name;
  }
}

// ICLR 2018, section 3: the grouper follows sum_v grad log pi(g_v) times the mean, over the
// placements of the grouping, of R - B.
TEST(HierarchicalPolicy, GrouperIsTaughtByTheMeanOverThePlacementsOfAGrouping) {
  SmallHierarchy policy;
  const std::vector<Proposal> proposals = policy.sample(4);  // of one grouping
  const std::vector<double> advantages = {0.5, -1.5, 2, 0.2};
  std::vector<at::Tensor> grouper;
  for (const NamedTensor& parameter : policy.network->parameters()) {
    if (parameter.name.starts_with("grouper.")) grouper.push_back(parameter.value);
  }
  const Evaluation evaluation = policy.network->evaluate(proposals);
  const auto taught = torch::autograd::grad({reinforce_loss(evaluation, advantages, 0)}, grouper);
  policy.network->encode();
  const Evaluation one = policy.network->evaluate({&proposals[0], 1});
  const auto score = torch::autograd::grad({one.log_probability.narrow(0, 0, 3).sum()}, grouper);
  const double mean = (0.5 - 1.5 + 2 + 0.2) / 4;
  for (std::size_t i = 0; i < grouper.size(); ++i) {
    EXPECT_TRUE(taught[i].allclose(-score[i] * (mean / 5), 1e-9, 1e-13));
  }
}

TEST(HierarchicalPolicy, SoManyPlacementsShareAGrouping) {
  SmallHierarchy policy(two_groups(), test::four_ops());
  const std::vector<Proposal> proposals = policy.sample(24);
  std::set<std::vector<std::int32_t>> groupings;
  for (std::size_t k = 0; k < proposals.size(); ++k) {
    const auto grouping = [&](std::size_t of) {
      return std::vector(proposals[of].latent.begin(), proposals[of].latent.begin() + 4);
    };
    EXPECT_EQ(grouping(k), grouping(k - k % 4));
    groupings.insert(grouping(k));
  }
  EXPECT_GT(groupings.size(), 1U);
}

TEST(HierarchicalPolicy, ForbiddenDevicesAreNeverUsedAndTiedNodesStayTogether) {
  TestProblem problem = test::four_ops();
  problem.constraints().allowed = {0b011, 0b110, 0b110, 0b100};
  problem.constraints().unit_of = {0, 1, 1, 2};
  problem.constraints().num_units = 3;
  SmallHierarchy policy(two_groups(), std::move(problem));
  const std::vector<Proposal> proposals = policy.sample(200);
  for (const Proposal& proposal : proposals) {
    for (std::size_t v = 0; v < 4; ++v) {
      const std::uint64_t mask = policy.problem.constraints().allowed[v];
      EXPECT_TRUE(mask >> index(proposal.placement.device[v]) & 1);
    }
    EXPECT_EQ(proposal.placement.device[1], proposal.placement.device[2]);
    EXPECT_EQ(proposal.latent[1], proposal.latent[2]);
  }
  const Evaluation evaluation = policy.network->evaluate(proposals);
  EXPECT_TRUE(evaluation.log_probability.isfinite().all().item<bool>());
  EXPECT_TRUE(evaluation.log_probability.select(0, 2).eq(0).all().item<bool>());  // it follows
}

TEST(HierarchicalPolicy, TakesOnlyWhatItCanHaveDrawn) {
  SmallHierarchy policy;
  const Proposal good = policy.sample(1).front();
  EXPECT_TRUE(policy.network->takes(good));
  Proposal bad = good;
  bad.latent.pop_back();
  EXPECT_FALSE(policy.network->takes(bad));
  bad = good;
  bad.latent[0] = 2;
  EXPECT_FALSE(policy.network->takes(bad));
  bad = good;
  bad.latent[3] = bad.latent[4] = 7;
  EXPECT_FALSE(policy.network->takes(bad));
}

// Eight nodes: as many groups as asked for, at most as many as nodes.
TEST(HierarchicalPolicy, DecisionsAreOfNodesThenOfGroups) {
  for (const std::int64_t groups : {5, 256}) {
    SmallHierarchy policy({.groups = groups}, TestProblem(test::grid(2, 4, 50, 100), {}));
    const std::vector<Proposal> proposals = policy.sample(3);
    const Evaluation evaluation = policy.network->evaluate(proposals);
    EXPECT_EQ(evaluation.log_probability.size(0), 8 + std::min<std::int64_t>(groups, 8));
    EXPECT_EQ(evaluation.log_probability.size(1), 3);
  }
}

}  // namespace
}  // namespace placer::policy
