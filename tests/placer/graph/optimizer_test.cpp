#include "placer/graph/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/graph/graph.h"

namespace placer {
namespace {

using ::testing::ElementsAre;

// x -> mul(x, w) -> loss, and the gradient of w is x: w [3], 12 bytes.
std::vector<Node> step() {
  const TensorSpec three{DType::kFloat32, {3}, Bytes{12}, std::nullopt};
  Node weight;
  weight.name = weight.origin = "net.w";
  weight.kind = NodeKind::kState;
  weight.module = "net";
  weight.outputs = {three};
  Node input;
  input.name = "x";
  input.kind = NodeKind::kInput;
  input.outputs = {three};
  Node forward;
  forward.name = "mul";
  forward.op = "aten.mul";
  forward.inputs = {{NodeId{1}, 0}, {NodeId{0}, 0}};
  forward.outputs = {three};
  Node backward;
  backward.name = "mul_1";
  backward.op = "aten.mul";
  backward.pass = Pass::kBackward;
  backward.inputs = {{NodeId{1}, 0}};
  backward.outputs = {three};
  Node loss;
  loss.name = "loss";
  loss.kind = NodeKind::kOutput;
  loss.output_role = OutputRole::kLoss;
  loss.inputs = {{NodeId{2}, 0}};
  Node gradient;
  gradient.name = "net.w.grad";
  gradient.kind = NodeKind::kOutput;
  gradient.output_role = OutputRole::kGradient;
  gradient.inputs = {{NodeId{3}, 0}};
  gradient.target = NodeId{0};
  return {weight, input, forward, backward, loss, gradient};
}

OptimizerOptions sgd(double momentum) {
  OptimizerOptions options;
  options.kind = Optimizer::kSgd;
  options.learning_rate = 0.5;
  options.momentum = momentum;
  return options;
}

const ArgumentValue& argument(const Node& node, const std::string& name) {
  for (const Argument& candidate : node.arguments) {
    if (candidate.name == name) {
      return candidate.value;
    }
  }
  throw std::runtime_error("no argument " + name);
}

TEST(AppendOptimizer, PlainSgdNeedsNoSlots) {
  std::vector<Node> nodes = step();
  EXPECT_EQ(append_optimizer(nodes, sgd(0)), 1U);
  ASSERT_EQ(nodes.size(), 7U);
  const Node& update = nodes[6];
  EXPECT_EQ(update.name, "net.w.update");
  EXPECT_EQ(update.op, "aten._fused_sgd_");
  EXPECT_EQ(update.pass, Pass::kUpdate);
  EXPECT_EQ(update.module, "net");
  EXPECT_THAT(update.mutates, ElementsAre(0U));
  EXPECT_EQ(argument(update, "self"), ArgumentValue(InputListArgument{{0}}));
  EXPECT_EQ(argument(update, "grads"), ArgumentValue(InputListArgument{{1}}));
  EXPECT_EQ(argument(update, "momentum_buffer_list"), ArgumentValue(InputListArgument{}));
  EXPECT_EQ(argument(update, "lr"), ArgumentValue(0.5));
}

TEST(AppendOptimizer, MomentumIsASlotOfTheParametersShape) {
  std::vector<Node> nodes = step();
  append_optimizer(nodes, sgd(0.9));
  const Node& slot = nodes[6];
  EXPECT_EQ(slot.kind, NodeKind::kState);
  EXPECT_EQ(slot.state_role, StateRole::kOptimizer);
  EXPECT_EQ(slot.origin, "optimizer.momentum_buffer.net.w");
  EXPECT_EQ(slot.target, NodeId{0});
  EXPECT_EQ(slot.outputs[0].bytes, Bytes{12});
  EXPECT_THAT(nodes[7].mutates, ElementsAre(0U, 2U));
  // False on the first step too: momentum x 0 + gradient is the gradient.
  EXPECT_EQ(argument(nodes[7], "is_first_step"), ArgumentValue(false));
}

TEST(AppendOptimizer, AdamCountsItsStepsOnceForAll) {
  std::vector<Node> nodes = step();
  OptimizerOptions options;
  options.kind = Optimizer::kAdam;
  append_optimizer(nodes, options);
  const Graph graph = build_graph_or_die({}, nodes);
  const NodeId count = *graph.find("optimizer.step.update");
  EXPECT_THAT(graph.node(count).mutates, ElementsAre(0U));
  const Node& update = graph.node(*graph.find("net.w.update"));
  EXPECT_EQ(update.inputs[4].node, count);
  EXPECT_THAT(update.mutates, ElementsAre(0U, 2U, 3U));
  EXPECT_EQ(argument(update, "lr"), ArgumentValue(0.001));
  // Parameter and slots live on one device; the step counter need not.
  EXPECT_EQ(graph.colocation_class(*graph.find("net.w.exp_avg")),
            graph.colocation_class(*graph.find("net.w")));
  EXPECT_NE(graph.colocation_class(count), graph.colocation_class(*graph.find("net.w")));
}

TEST(AppendOptimizer, TheUpdateWaitsForTheForwardReader) {
  std::vector<Node> nodes = step();
  append_optimizer(nodes, sgd(0));
  const Graph graph = build_graph_or_die({}, nodes);
  EXPECT_THAT(graph.controls(*graph.find("net.w.update")), ElementsAre(*graph.find("mul")));
}

TEST(AppendOptimizer, TwoGradientsOfOneParameterAreAdded) {
  std::vector<Node> nodes = step();
  Node second = nodes[5];
  second.name = "tied.grad";
  second.inputs = {{NodeId{2}, 0}};
  nodes.push_back(second);
  EXPECT_EQ(append_optimizer(nodes, sgd(0)), 1U);
  EXPECT_EQ(nodes[7].op, "aten.add");
  EXPECT_THAT(nodes[7].inputs, ElementsAre(TensorRef{NodeId{3}, 0}, TensorRef{NodeId{2}, 0}));
  EXPECT_EQ(nodes[8].inputs[1], (TensorRef{NodeId{7}, 0}));
}

TEST(AppendOptimizer, WithoutGradientsNothingIsAdded) {
  std::vector<Node> nodes = step();
  nodes.pop_back();
  EXPECT_EQ(append_optimizer(nodes, sgd(0.9)), 0U);
  EXPECT_EQ(nodes.size(), 5U);
}

}  // namespace
}  // namespace placer
