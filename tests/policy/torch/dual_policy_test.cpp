#include "policy/torch/dual_policy.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "policy/schedule_order.h"
#include "policy/torch/checkpoint.h"
#include "policy/torch/policy_gradient.h"
#include "policy/torch/single_thread.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/numerical_gradient.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestCluster;
using test::TestOp;
using test::TestProblem;

constexpr TestCluster kCluster{.devices = 2, .latency_us = 2, .bytes_per_second = 1e9};

// 0 is read by 1 and 2.
std::vector<TestOp> fork() {
  return {{.micros = 10, .reads = {}, .bytes = 5'000},
          {.micros = 20, .reads = {0}, .bytes = 4},
          {.micros = 35, .reads = {0}, .bytes = 4}};
}
std::vector<TestOp> independent() {
  return {{.micros = 10, .reads = {}, .bytes = 4},
          {.micros = 20, .reads = {}, .bytes = 4},
          {.micros = 35, .reads = {}, .bytes = 4}};
}

// Far from the untrained list scheduler, so that everything matters.
DualParameters lively() {
  return {.width = 6, .layers = 2, .hidden = 5, .urgency = 0.5, .greed = 0.7, .temperature = 0.8};
}

struct SmallDual {
  SmallDual(const TestProblem& problem, const DualParameters& parameters,
            at::ScalarType dtype = at::kDouble)
      : evaluator(problem.costs()),
        graph(make_task_graph(problem.with(evaluator))),
        network(make_dual_policy(problem.with(evaluator), parameters, /*seed=*/1, dtype)) {
    const at::NoGradGuard guard;
    Rng rng(3);
    for (const NamedTensor& parameter : network->parameters()) {
      const at::Tensor flat = parameter.value.view({-1});
      for (std::int64_t i = 0; i < flat.numel(); ++i) flat[i] += rng.uniform() - 0.5;
    }
    network->encode();
  }

  [[nodiscard]] Proposal proposal(const std::vector<std::uint32_t>& order,
                                  const std::vector<std::size_t>& devices) const {
    Proposal result;
    for (const std::size_t d : devices) result.placement.device.push_back(id_at<DeviceId>(d));
    result.placement.priority = to_priority(graph, order);
    return result;
  }
  // Every order that keeps precedence, with every device for every node.
  [[nodiscard]] std::vector<Proposal> all_proposals() const {
    std::vector<Proposal> all;
    std::vector<std::uint32_t> order(graph.num_tasks);
    for (std::uint32_t t = 0; t < graph.num_tasks; ++t) order[t] = t;
    do {
      if (!respects_precedence(order)) continue;
      for (std::size_t code = 0; code < std::size_t{1} << graph.num_tasks; ++code) {
        std::vector<std::size_t> devices;
        for (std::uint32_t t = 0; t < graph.num_tasks; ++t) devices.push_back(code >> t & 1);
        all.push_back(proposal(order, devices));
      }
    } while (std::next_permutation(order.begin(), order.end()));
    return all;
  }
  [[nodiscard]] bool respects_precedence(const std::vector<std::uint32_t>& order) const {
    ReadyTasks ready(graph);
    std::vector<bool> is_ready(graph.num_tasks, false);
    const auto note = [&](std::uint32_t task) { is_ready[task] = true; };
    ready.begin(note);
    for (const std::uint32_t task : order) {
      if (!is_ready[task]) return false;
      ready.done(task, note);
    }
    return true;
  }
  [[nodiscard]] std::vector<Proposal> sample(std::size_t count) const {
    std::vector<Rng> rngs;
    for (std::uint64_t k = 0; k < count; ++k) {
      const std::uint64_t keys[] = {k};
      rngs.push_back(Rng::keyed(11, keys));
    }
    return network->sample(rngs);
  }

  LoadAndCut evaluator;
  TaskGraph graph;
  std::unique_ptr<PolicyNetwork> network;
};

double total(const at::Tensor& log_probability) {
  return log_probability.sum(0).exp().sum().item<double>();
}

// Two orders x 8 placements, and 6 x 8.
TEST(DualPolicy, ProbabilitiesOfAllOrdersAndPlacementsSumToOne) {
  const TestProblem forked(fork(), kCluster);
  const SmallDual a(forked, lively());
  ASSERT_EQ(a.all_proposals().size(), 16U);
  EXPECT_NEAR(total(a.network->evaluate(a.all_proposals()).log_probability), 1, 1e-12);
  const TestProblem free(independent(), kCluster);
  const SmallDual b(free, lively());
  ASSERT_EQ(b.all_proposals().size(), 48U);
  EXPECT_NEAR(total(b.network->evaluate(b.all_proposals()).log_probability), 1, 1e-12);
}

TEST(DualPolicy, SamplesAsOftenAsItsProbabilitiesSay) {
  const TestProblem problem(independent(), kCluster);
  const SmallDual dual(problem, lively());
  const std::vector<Proposal> all = dual.all_proposals();
  const at::Tensor probability =
      dual.network->evaluate(all).log_probability.sum(0).exp().detach().contiguous();
  constexpr std::size_t samples = 20'000;
  std::vector<double> counts(all.size(), 0.0);
  for (const Proposal& drawn : dual.sample(samples)) {
    const auto found = std::find(all.begin(), all.end(), drawn);
    ASSERT_NE(found, all.end());
    counts[static_cast<std::size_t>(found - all.begin())] += 1;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double p = probability.const_data_ptr<double>()[i];
    // Five standard deviations of the count, and one for rounding in float.
    EXPECT_NEAR(counts[i], samples * p, 5 * std::sqrt(samples * p) + 1) << i;
  }
}

// The gradient of log-probabilities of every decision and of the entropy, through the reading of
// the graph.
TEST(DualPolicy, HasTheNumericalGradient) {
  const SingleThread guard;  // tensors this small gain nothing from more
  const TestProblem problem(test::grid(2, 3, 20, 4'000),
                            {.devices = 3, .latency_us = 2, .bytes_per_second = 1e9});
  const SmallDual dual(problem, lively());
  const std::vector<Proposal> proposals = dual.sample(4);
  ASSERT_EQ(dual.network->evaluate(proposals).log_probability.size(0), 12);
  test::expect_numerical_gradient_of_evaluation(*dual.network, proposals);
}

// Like devices with like links are told apart by what is on them alone. Nodes are not, by design:
// their position in the graph is a feature.
TEST(DualPolicy, ProposalIsAsProbableOnExchangedDevices) {
  const TestProblem problem(test::grid(2, 3, 20, 4'000),
                            {.devices = 3, .latency_us = 2, .bytes_per_second = 1e9});
  const SmallDual dual(problem, lively());
  const std::vector<Proposal> proposals = dual.sample(8);
  std::vector<Proposal> exchanged = proposals;
  for (Proposal& proposal : exchanged) {
    for (DeviceId& device : proposal.placement.device) {
      device = id_at<DeviceId>((index(device) + 1) % 3);
    }
  }
  const Evaluation a = dual.network->evaluate(proposals);
  const Evaluation b = dual.network->evaluate(exchanged);
  EXPECT_TRUE(a.log_probability.allclose(b.log_probability, 0, 1e-9));
  EXPECT_TRUE(a.entropy.allclose(b.entropy, 0, 1e-9));
}

// Mean over the decisions, of their distributions along the proposal: with one chain and one
// device nothing is left to decide.
TEST(DualPolicy, WhatIsNoChoiceHasProbabilityOneAndNoEntropy) {
  TestProblem problem = test::three_ops();
  for (auto& mask : problem.constraints().allowed) mask = 0b10;
  const SmallDual dual(problem, lively());
  const Evaluation all = dual.network->evaluate(dual.sample(3));
  EXPECT_EQ(all.log_probability.abs().max().item<double>(), 0);
  EXPECT_EQ(all.entropy.abs().max().item<double>(), 0);
  // Nor a gradient, but there is one of every weight.
  const std::vector<double> advantages = {1, -1, 0.5};
  dual.network->encode();
  const at::Tensor loss =
      reinforce_loss(dual.network->evaluate(dual.sample(3)), advantages, /*entropy_weight=*/0.1);
  EXPECT_LT(norm_of(gradient_of(loss, dual.network->parameters())), 1e-12);
}

TEST(DualPolicy, KeepsPrecedenceAndConstraints) {
  TestProblem problem(test::grid(4, 5, 30, 9'000), {.devices = 4});
  problem.constraints().allowed[3] = 0b0110;
  problem.constraints().allowed[7] = 0b1000;
  problem.constraints().unit_of[11] = problem.constraints().unit_of[2];
  for (std::size_t v = 12; v < 20; ++v) --problem.constraints().unit_of[v];
  --problem.constraints().num_units;
  const SmallDual dual(problem, lively(), at::kFloat);
  std::map<std::vector<std::uint32_t>, int> orders;
  for (const Proposal& drawn : dual.sample(200)) {
    const auto order = to_order(dual.graph, drawn.placement.priority);
    EXPECT_TRUE(dual.respects_precedence(order));
    ++orders[order];
    for (std::size_t v = 0; v < 20; ++v) {
      EXPECT_TRUE(problem.constraints().allowed[v] >> index(drawn.placement.device[v]) & 1);
    }
    EXPECT_EQ(drawn.placement.device[2], drawn.placement.device[11]);
  }
  EXPECT_GT(orders.size(), 100U);
}

TEST(DualPolicy, TakesPlacementsThatItWouldNotDraw) {
  const TestProblem problem = test::three_ops();
  const SmallDual dual(problem, lively());
  const std::optional<Proposal> proposal = dual.network->proposal_of(
      {.device = {DeviceId{1}, DeviceId{0}, DeviceId{1}}, .priority = {}});
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->placement.device[0], DeviceId{1});
  EXPECT_EQ(proposal->placement.priority, (std::vector<std::int64_t>{3, 2, 1}));
  const Evaluation all = dual.network->evaluate({&*proposal, 1});
  EXPECT_TRUE(std::isfinite(all.log_probability.sum().item<double>()));
}

// The untrained policy, cold: the list schedule by rank and earliest finish, here two chains of
// three on two devices.
TEST(DualPolicy, StartsAsAListScheduler) {
  const TestProblem problem({{.micros = 50, .reads = {}, .bytes = 4'000},
                             {.micros = 30, .reads = {}, .bytes = 4'000},
                             {.micros = 50, .reads = {0}, .bytes = 4'000},
                             {.micros = 30, .reads = {1}, .bytes = 4'000},
                             {.micros = 50, .reads = {2}, .bytes = 4},
                             {.micros = 30, .reads = {3}, .bytes = 4}},
                            kCluster);
  DualParameters cold;
  cold.temperature = 0.01;
  LoadAndCut evaluator(problem.costs());
  const auto network = make_dual_policy(problem.with(evaluator), cold, 1);
  network->encode();
  std::vector<Rng> rngs(1, Rng(2));
  const Placement drawn = network->sample(rngs).front().placement;
  EXPECT_EQ(drawn.device[0], drawn.device[2]);
  EXPECT_EQ(drawn.device[0], drawn.device[4]);
  EXPECT_EQ(drawn.device[1], drawn.device[3]);
  EXPECT_EQ(drawn.device[1], drawn.device[5]);
  EXPECT_NE(drawn.device[0], drawn.device[1]);
  EXPECT_GT(drawn.priority[0], drawn.priority[1]);
}

// Whether the most probable placement of fresh weights of a round uses several devices. Bound:
// readers of one op, to whose inputs a transfer takes nearly as long as they do, so that by earliest
// finish some of them go elsewhere. Free: ops that read nothing, as many.
struct Spreads {
  bool bound = false;
  bool free = false;

  bool operator==(const Spreads&) const = default;
};

bool begins_spread(const std::vector<TestOp>& ops, const DualParameters& parameters,
                   std::uint64_t round) {
  const TestProblem problem(ops, {.devices = 4, .latency_us = 2, .bytes_per_second = 1e9});
  LoadAndCut evaluator(problem.costs());
  const auto network = make_dual_policy(problem.with(evaluator), parameters, /*seed=*/1);
  network->reset(1, round);
  const std::vector<DeviceId> device = network->decode(1).front().placement.device;
  return std::set(device.begin(), device.end()).size() > 1;
}

Spreads begun(const DualParameters& parameters, std::uint64_t round) {
  std::vector<TestOp> bound = {{.micros = 10, .reads = {}, .bytes = 80'000}};
  bound.resize(8, {.micros = 100, .reads = {0}, .bytes = 4});
  const std::vector<TestOp> free(8, {.micros = 100, .reads = {}, .bytes = 4});
  return {begins_spread(bound, parameters, round), begins_spread(free, parameters, round)};
}

TEST(DualPolicy, FreshWeightsTakeTurnsInWhatTheyAvoid) {
  const Spreads late{.bound = true, .free = true};
  const Spreads transfers{.bound = false, .free = true};
  const Spreads devices{.bound = false, .free = false};
  EXPECT_EQ(begun({}, 0), late);
  EXPECT_EQ(begun({}, 1), transfers);
  EXPECT_EQ(begun({}, 2), devices);
  EXPECT_EQ(begun({}, 3), late);
  EXPECT_EQ(begun({.thrift = 0}, 1), devices);
  EXPECT_EQ(begun({.packing = 0}, 1), transfers);
  EXPECT_EQ(begun({.packing = 0}, 2), late);
  EXPECT_EQ(begun({.thrift = 0, .packing = 0}, 1), late);
}

// As many as the search wants at most, unless the setting says how many.
TEST(DualPolicy, DecodesTheMostProbableFirst) {
  const TestProblem problem(independent(), kCluster);
  SmallDual by_size(problem, lively());
  const std::vector<Proposal> all = by_size.network->decode(std::nullopt);
  EXPECT_EQ(all.size(), 64U);
  EXPECT_EQ(by_size.network->decode(3), std::vector(all.begin(), all.begin() + 3));
  DualParameters set = lively();
  set.rollouts = 5;
  SmallDual by_setting(problem, set);
  EXPECT_EQ(by_setting.network->decode(1), std::vector(all.begin(), all.begin() + 5));
}

// Weights go from a graph of 6 nodes on 3 devices to one of 20 on 5, bit by bit.
TEST(DualPolicy, WeightsFitOtherGraphsAndClusters) {
  const TestProblem small(test::grid(2, 3, 20, 4'000), {.devices = 3});
  const TestProblem large(test::grid(4, 5, 50, 9'000), {.devices = 5});
  const SmallDual from(small, lively(), at::kFloat);
  const SmallDual to(large, lively(), at::kFloat);
  const std::vector<Blob> blobs = to_blobs(from.network->parameters());
  load_blobs("weights", blobs, to.network->parameters());
  EXPECT_EQ(to_blobs(to.network->parameters()), blobs);
  to.network->encode();
  EXPECT_EQ(to.sample(2).front().placement.device.size(), 20U);
}

}  // namespace
}  // namespace placer::policy
