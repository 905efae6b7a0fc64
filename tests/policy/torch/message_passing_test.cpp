#include "policy/torch/message_passing.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/policy/torch/numerical_gradient.h"

namespace placer::policy {
namespace {

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

const Pairs kDiamond = {{0, 1}, {0, 2}, {1, 3}, {2, 3}};

TEST(MeanOver, IsTheMeanOfTheNeighboursRowsAndZeroWithoutAny) {
  const GraphEdges edges = to_edges(4, kDiamond);
  const at::Tensor x = at::tensor({1.0, 10.0, 2.0, 20.0, 4.0, 40.0, 8.0, 80.0}).view({4, 2});
  const at::Tensor before = at::tensor({0.0, 0.0, 1.0, 10.0, 1.0, 10.0, 3.0, 30.0}).view({4, 2});
  const at::Tensor after = at::tensor({3.0, 30.0, 8.0, 80.0, 8.0, 80.0, 0.0, 0.0}).view({4, 2});
  EXPECT_TRUE(mean_over(x, edges.predecessors).equal(before));
  EXPECT_TRUE(mean_over(x, edges.successors).equal(after));
}

TEST(MessagePassing, HasTheNumericalGradient) {
  Weights parameters(1, at::kDouble);
  const MessagePassing body(parameters, "", {.features = 3, .width = 4, .layers = 2});
  parameters.draw(1, 0);
  const GraphEdges edges = to_edges(4, kDiamond);
  const at::Tensor x = at::rand({4, 3}, at::kDouble);
  const at::Tensor direction = at::rand({4, 4}, at::kDouble);
  test::expect_numerical_gradient(parameters.all(),
                                  [&] { return (body.encode(x, edges) * direction).sum(); });
}

// A node sees as far as there are layers: with one, node 3 of the diamond does not see node 0.
TEST(MessagePassing, SeesOneNeighbourFurtherALayer) {
  const GraphEdges edges = to_edges(4, kDiamond);
  const at::Tensor x = at::rand({4, 3}, at::kDouble);
  const at::Tensor changed = x.clone();
  changed.select(0, 0).add_(1);
  for (const std::int64_t layers : {1, 2}) {
    Weights parameters(1, at::kDouble);
    const MessagePassing body(parameters, "", {.features = 3, .width = 8, .layers = layers});
    parameters.draw(1, 0);
    const bool same =
        body.encode(x, edges).select(0, 3).equal(body.encode(changed, edges).select(0, 3));
    EXPECT_EQ(same, layers == 1);
  }
}

// Renumbering the nodes renumbers the embeddings.
TEST(MessagePassing, DoesNotKnowTheNodesNumbers) {
  Weights parameters(1, at::kDouble);
  const MessagePassing body(parameters, "", {.features = 3, .width = 8, .layers = 3});
  parameters.draw(1, 0);
  const at::Tensor x = at::rand({4, 3}, at::kDouble);
  const Pairs renumbered = {{3, 2}, {3, 1}, {2, 0}, {1, 0}};  // node v is 3 - v
  const at::Tensor there = body.encode(x.flip(0), to_edges(4, renumbered)).flip(0);
  EXPECT_TRUE(there.allclose(body.encode(x, to_edges(4, kDiamond)), 1e-12, 1e-12));
}

TEST(Weights, CentresTakeTurnsAndAnEmptyOneIsZero) {
  Weights parameters(1, at::kDouble);
  parameters.add("other", {2}, 0.5);
  EXPECT_EQ(parameters.ways(), 1U);
  const at::Tensor value = parameters.add("a", {2}, 0, {{1, 2}, {3, 4}, {}});
  EXPECT_EQ(parameters.ways(), 3U);
  const double expected[][2] = {{1, 2}, {3, 4}, {0, 0}, {1, 2}};
  for (std::uint64_t round = 0; round < 4; ++round) {
    parameters.draw(7, round);
    EXPECT_EQ(value[0].item<double>(), expected[round][0]) << round;
    EXPECT_EQ(value[1].item<double>(), expected[round][1]) << round;
  }
}

TEST(Weights, DrawsTheSameFromTheSameSeedAndRound) {
  Weights parameters(1, at::kFloat);
  const at::Tensor value = parameters.add("a", {2, 3}, 0.5, {{0, 1, 2, 3, 4, 5}});
  parameters.draw(7, 0);
  const at::Tensor first = value.detach().clone();
  EXPECT_LE((first.view({-1}) - at::tensor({0, 1, 2, 3, 4, 5})).abs().max().item<float>(), 0.5F);
  parameters.draw(7, 1);
  EXPECT_FALSE(value.equal(first));
  parameters.draw(7, 0);
  EXPECT_TRUE(value.equal(first));
}

}  // namespace
}  // namespace placer::policy
