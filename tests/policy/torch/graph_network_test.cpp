#include "policy/torch/graph_network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/policy/test_problem.h"
#include "tests/policy/torch/numerical_gradient.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestCluster;
using test::TestOp;
using test::TestProblem;

constexpr GraphNetworkParameters kTinyNetwork{.hidden = 5, .layers = 2, .pair = 4};

// Units 0 and 1 on device 0, unit 2 on device 1; 2 reads 0 and 1.
TEST(NeighbourMeans, OfTheSameDeviceAndOfOthersAreApart) {
  const Adjacency reads{.first = {0, 0, 1, 3}, .neighbour = {0, 0, 1}};
  const std::vector<std::uint8_t> choice = {0, 0, 1};
  const Messages messages = neighbour_means(reads, choice, at::kDouble);
  const at::Tensor rows = at::tensor({1.0, 2.0, 3.0, 6.0, 7.0, 8.0}, at::kDouble).view({3, 2});
  const at::Tensor expected = at::tensor({0.0, 0.0, 0.0, 0.0,   // unit 0 reads nothing
                                          1.0, 2.0, 0.0, 0.0,   // unit 1 reads 0, beside it
                                          0.0, 0.0, 2.0, 4.0},  // unit 2 reads both, elsewhere
                                         at::kDouble);
  EXPECT_TRUE(pass(messages, rows).flatten().equal(expected));
}

struct Example {
  explicit Example(const TestProblem& problem, std::vector<std::uint8_t> choice)
      : evaluator(problem.costs()), features(problem.with(evaluator)) {
    features.read(choice);
    inputs = to_inputs(features, choice, at::kDouble);
  }
  LoadAndCut evaluator;
  ImprovementFeatures features;
  PlacementInputs inputs;
};

TEST(GraphNetwork, ScoresHaveTheNumericalGradient) {
  TestProblem problem(test::grid(2, 3, 50, 10'000), {.devices = 2});
  problem.constraints().allowed[3] = 0b10;
  const Example example(problem, {0, 1, 0, 1, 1, 0});
  const GraphNetwork network(kTinyNetwork, 1, at::kDouble);
  // Not symmetric in units or devices, so that no gradient cancels.
  const auto value = [&] {
    const at::Tensor scores =
        network.scores(example.inputs).masked_fill(example.inputs.forbidden, 0);
    return (scores.flatten() * scores.flatten().cumsum(0)).sum();
  };
  test::expect_numerical_gradient(network.parameters(), value, 1e-6);
}

// Devices are scored by what they are, not by their number.
TEST(GraphNetwork, ExchangedDevicesHaveExchangedScores) {
  const TestProblem problem(test::grid(2, 3, 50, 10'000), {.devices = 2});
  const Example a(problem, {0, 1, 0, 1, 1, 0});
  const Example b(problem, {1, 0, 1, 0, 0, 1});
  const GraphNetwork network(kTinyNetwork, 1, at::kDouble);
  EXPECT_TRUE(network.scores(a.inputs).allclose(network.scores(b.inputs).flip(1), 1e-9, 1e-12));
}

// Op i of the result is what was op order[i]; the order has to be topological.
std::vector<TestOp> in_order(const std::vector<TestOp>& ops,
                             const std::vector<std::size_t>& order) {
  std::vector<std::size_t> place(ops.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  std::vector<TestOp> result;
  for (const std::size_t op : order) {
    result.push_back(ops[op]);
    for (std::size_t& read : result.back().reads) read = place[read];
  }
  return result;
}

// Nor are units scored by theirs: here the later chain of the diamond comes first. In this schedule
// (ends at 10, 41, 50, 56, 84 and 111 us) numbers have no ties to break.
TEST(GraphNetwork, RenumberedUnitsHaveRenumberedScores) {
  const std::vector<std::size_t> order = {0, 2, 4, 1, 3, 5};
  const std::vector<std::uint8_t> choice = {0, 1, 0, 1, 2, 0};
  std::vector<std::uint8_t> renumbered;
  for (const std::size_t op : order) renumbered.push_back(choice[op]);
  const TestCluster cluster{.devices = 3, .latency_us = 2, .bytes_per_second = 1e9};
  const TestProblem first(test::uneven_diamond(), cluster);
  const TestProblem second(in_order(test::uneven_diamond(), order), cluster);
  const Example a(first, choice);
  const Example b(second, renumbered);
  const GraphNetwork network(kTinyNetwork, 1, at::kDouble);
  const at::Tensor scores = network.scores(a.inputs);
  const at::Tensor rows = at::tensor(std::vector<std::int64_t>(order.begin(), order.end()));
  EXPECT_TRUE(scores.index_select(0, rows).allclose(network.scores(b.inputs), 0, 1e-9));
  EXPECT_FALSE(scores.allclose(network.scores(b.inputs), 0, 1e-3));
}

TEST(GraphNetwork, ForbiddenDevicesScoreNothing) {
  TestProblem problem(test::grid(2, 3, 50, 10'000), {.devices = 3});
  problem.constraints().allowed[2] = 0b101;
  const Example example(problem, {0, 1, 0, 1, 1, 0});
  const at::Tensor scores = GraphNetwork(kTinyNetwork, 1, at::kDouble).scores(example.inputs);
  EXPECT_EQ(scores[2][1].item<double>(), -INFINITY);
  EXPECT_EQ(scores.isinf().sum().item<std::int64_t>(), 1);
}

}  // namespace
}  // namespace placer::policy
