#include "placer/formats/split_backward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace placer {
namespace {

using ::testing::ElementsAre;

TensorSpec floats(std::int64_t count) {
  return {DType::kFloat32, {count}, Bytes{4 * count}, std::nullopt};
}

Node source(const std::string& name) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kState;
  node.outputs = {floats(1)};
  return node;
}

Node reader(const std::string& name, TensorRef ref) {
  Node node;
  node.name = name;
  node.op = "aten.relu";
  node.inputs = {ref};
  node.outputs = {floats(1)};
  return node;
}

// Position 1 of the list: reads node 0, with results of 1, 2 and 3 elements.
Node convolution(std::vector<bool> mask) {
  Node node;
  node.name = "conv";
  node.op = "aten.convolution_backward";
  node.inputs = {{NodeId{0}, 0}};
  node.arguments = {{"grad_output", InputArgument{0}}, {"output_mask", mask}};
  node.outputs = {floats(1), floats(2), floats(3)};
  return node;
}

std::vector<bool> mask_of(const Node& node) {
  return std::get<std::vector<bool>>(node.arguments.at(1).value);
}

TEST(SplitBackward, BothHalvesBecomeNodesAndReadersFollow) {
  const auto nodes =
      split_backward({source("w"), convolution({true, true, true}), reader("x", {NodeId{1}, 0}),
                      reader("b", {NodeId{1}, 2}), reader("y", {NodeId{1}, 1})});
  ASSERT_EQ(nodes.size(), 6U);
  EXPECT_EQ(nodes[1].name, "conv.dx");
  EXPECT_THAT(mask_of(nodes[1]), ElementsAre(true, false, false));
  EXPECT_EQ(nodes[1].outputs.size(), 1U);
  EXPECT_EQ(nodes[2].name, "conv.dw");
  EXPECT_THAT(mask_of(nodes[2]), ElementsAre(false, true, true));
  ASSERT_EQ(nodes[2].outputs.size(), 3U);
  EXPECT_EQ(nodes[2].outputs[0].dtype, DType::kOpaque);
  EXPECT_EQ(nodes[2].outputs[0].bytes, Bytes{0});
  EXPECT_EQ(nodes[3].inputs[0], (TensorRef{NodeId{1}, 0}));
  EXPECT_EQ(nodes[4].inputs[0], (TensorRef{NodeId{2}, 2}));
  EXPECT_EQ(nodes[5].inputs[0], (TensorRef{NodeId{2}, 1}));
}

TEST(SplitBackward, ResultsNobodyReadsAreMaskedOff) {
  const auto nodes =
      split_backward({source("w"), convolution({true, true, true}), reader("y", {NodeId{1}, 1})});
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[1].name, "conv");
  EXPECT_THAT(mask_of(nodes[1]), ElementsAre(false, true, false));
  EXPECT_EQ(nodes[1].outputs.size(), 2U);
  EXPECT_EQ(nodes[2].inputs[0], (TensorRef{NodeId{1}, 1}));
}

TEST(SplitBackward, ControlEdgesAndTargetsFollowToo) {
  Node last = reader("z", {NodeId{0}, 0});
  last.after = {NodeId{1}};
  Node output;
  output.name = "grad";
  output.kind = NodeKind::kOutput;
  output.output_role = OutputRole::kGradient;
  output.inputs = {{NodeId{1}, 1}};
  output.target = NodeId{3};
  const auto nodes = split_backward({source("w"), convolution({true, true, false}),
                                     reader("x", {NodeId{1}, 0}), source("late"), last, output});
  EXPECT_THAT(nodes[5].after, ElementsAre(NodeId{1}, NodeId{2}));
  EXPECT_EQ(nodes[6].target, NodeId{4});
  EXPECT_EQ(nodes[6].inputs[0], (TensorRef{NodeId{2}, 1}));
}

// Nothing is known of its results: it is left as it is.
TEST(SplitBackward, AnOpWithoutAMaskStaysWhole) {
  Node node = convolution({true, true, true});
  node.arguments.pop_back();
  const auto nodes = split_backward({source("w"), node, reader("x", {NodeId{1}, 0})});
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[1].outputs.size(), 3U);
}

}  // namespace
}  // namespace placer
