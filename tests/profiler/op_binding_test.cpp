#include "profiler/torch/op_binding.h"

#include <cmath>

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using placer::testing::ExecutableGraph;
using placer::testing::float_tensor;
using ::testing::AllOf;
using ::testing::HasSubstr;

Node op_node(const std::string& op, const std::string& overload, std::size_t inputs,
             std::vector<Argument> arguments, std::size_t outputs) {
  Node node;
  node.name = "n";
  node.op = op;
  node.overload = overload;
  for (std::size_t i = 0; i < inputs; ++i) {
    node.inputs.push_back({id_at<NodeId>(i), 0});
  }
  node.arguments = std::move(arguments);
  node.outputs.resize(outputs);
  return node;
}

std::vector<at::Tensor> run_node(const Node& node, const std::vector<at::Tensor>& inputs) {
  auto bound = bind_op(node);
  if (const auto* problem = std::get_if<std::string>(&bound)) {
    ADD_FAILURE() << *problem;
    return {};
  }
  std::vector<const at::Tensor*> pointers;
  for (const at::Tensor& input : inputs) {
    pointers.push_back(&input);
  }
  std::vector<at::Tensor> outputs(node.outputs.size());
  torch::jit::Stack stack;
  std::get<BoundOp>(bound).run(pointers, outputs, stack);
  EXPECT_TRUE(stack.empty());
  return outputs;
}

std::string problem_of(const Node& node) {
  const auto bound = bind_op(node);
  return std::holds_alternative<std::string>(bound) ? std::get<std::string>(bound) : "bound";
}

TEST(OpBinding, FillsDefaultsOfTheSchema) {
  // add(self, other, alpha = 1)
  const Node node = op_node("aten.add", "Tensor", 2,
                            {{"self", InputArgument{0}}, {"other", InputArgument{1}}}, 1);
  const auto out = run_node(node, {at::full({2}, 3.0), at::full({2}, 4.0)});
  EXPECT_EQ(out[0].sum().item<float>(), 14);
}

TEST(OpBinding, NumberInATensorSlotDoesNotPromoteTheType) {
  // A float32 tensor plus a Python number stays float32; plus a float64 tensor of one element that
  // is no number it would too, but an int64 tensor plus the number 1 must stay int64.
  const Node node =
      op_node("aten.add", "Tensor", 1, {{"self", InputArgument{0}}, {"other", std::int64_t{1}}}, 1);
  EXPECT_EQ(run_node(node, {at::full({}, 41, at::kInt)})[0].scalar_type(), at::kInt);
  const Node real =
      op_node("aten.mul", "Tensor", 1, {{"self", InputArgument{0}}, {"other", 0.5}}, 1);
  const auto out = run_node(real, {at::full({2}, 3.0, at::kHalf)});
  EXPECT_EQ(out[0].scalar_type(), at::kHalf);
  EXPECT_EQ(out[0][0].item<float>(), 1.5F);
}

TEST(OpBinding, IntegerFitsFloatAndScalarSlots) {
  // elu's alpha is a Scalar; native_dropout's p a float.
  const Node elu = op_node("aten.elu", "default", 1,
                           {{"self", InputArgument{0}}, {"alpha", std::int64_t{2}}}, 1);
  EXPECT_FLOAT_EQ(run_node(elu, {at::full({1}, -1.0)})[0].item<float>(), 2 * std::expm1(-1.0F));
  const Node dropout =
      op_node("aten.native_dropout", "default", 1,
              {{"input", InputArgument{0}}, {"p", std::int64_t{0}}, {"train", true}}, 2);
  const auto out = run_node(dropout, {at::ones({3})});
  EXPECT_EQ(out[0].sum().item<float>(), 3);
  EXPECT_EQ(out[1].scalar_type(), at::kBool);
}

TEST(OpBinding, ConvertsElementTypeMemoryFormatLayoutAndDevice) {
  const Node node = op_node("aten._to_copy", "default", 1,
                            {{"self", InputArgument{0}},
                             {"dtype", DType::kFloat64},
                             {"layout", Layout::kStrided},
                             {"device", DeviceArgument{"cuda:3"}},
                             {"memory_format", MemoryFormat::kChannelsLast}},
                            1);
  const auto out = run_node(node, {at::ones({1, 2, 3, 4})});
  EXPECT_EQ(out[0].scalar_type(), at::kDouble);
  EXPECT_TRUE(out[0].is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(out[0].device().is_cpu());
}

TEST(OpBinding, TakesTensorListsAndListsWithHoles) {
  const Node cat = op_node("aten.cat", "default", 2,
                           {{"tensors", InputListArgument{{0, 1}}}, {"dim", std::int64_t{0}}}, 1);
  EXPECT_EQ(run_node(cat, {at::ones({2}), at::ones({3})})[0].numel(), 5);
  // x[:, index]
  const Node index =
      op_node("aten.index", "Tensor", 2,
              {{"self", InputArgument{0}}, {"indices", InputListArgument{{std::nullopt, 1}}}}, 1);
  const auto out = run_node(index, {at::ones({2, 3}), at::full({4}, 1, at::kLong)});
  EXPECT_EQ(out[0].sizes(), (std::vector<std::int64_t>{2, 4}));
}

TEST(OpBinding, KeepsNoTensorOfAList) {
  auto bound =
      bind_op(op_node("aten.cat", "default", 1, {{"tensors", InputListArgument{{0, 0}}}}, 1));
  at::Tensor input = at::ones({2});
  const at::Tensor* const pointer = &input;
  std::vector<at::Tensor> outputs(1);
  torch::jit::Stack stack;
  std::get<BoundOp>(bound).run({&pointer, 1}, outputs, stack);
  EXPECT_EQ(input.use_count(), 1);
}

TEST(OpBinding, ListResultBecomesTheNodesOutputs) {
  const Node node = op_node("aten.split", "Tensor", 1,
                            {{"self", InputArgument{0}}, {"split_size", std::int64_t{2}}}, 3);
  const auto out = run_node(node, {at::ones({5})});
  EXPECT_EQ(out[0].numel(), 2);
  EXPECT_EQ(out[2].numel(), 1);
}

TEST(OpBinding, MaskedResultsAreUndefined) {
  // Only the weight's gradient of a convolution: outputs keep the operator's positions.
  const Node node = op_node("aten.convolution_backward", "default", 3,
                            {{"grad_output", InputArgument{0}},
                             {"input", InputArgument{1}},
                             {"weight", InputArgument{2}},
                             {"bias_sizes", std::monostate()},
                             {"stride", std::vector<std::int64_t>{1, 1}},
                             {"padding", std::vector<std::int64_t>{0, 0}},
                             {"dilation", std::vector<std::int64_t>{1, 1}},
                             {"transposed", false},
                             {"output_padding", std::vector<std::int64_t>{0, 0}},
                             {"groups", std::int64_t{1}},
                             {"output_mask", std::vector<bool>{false, true, false}}},
                            3);
  const auto out =
      run_node(node, {at::ones({1, 1, 2, 2}), at::ones({1, 1, 3, 3}), at::ones({1, 1, 2, 2})});
  EXPECT_FALSE(out[0].defined());
  ASSERT_TRUE(out[1].defined());
  EXPECT_EQ(out[1].sum().item<float>(), 16);  // 4 entries, each the sum of 4 ones
  EXPECT_FALSE(out[2].defined());
}

TEST(OpBinding, OpThatReturnsNothingPassesItsInputsOn) {
  Node node = op_node("aten._foreach_add_", "Scalar", 2,
                      {{"self", InputListArgument{{0, 1}}}, {"scalar", std::int64_t{1}}}, 2);
  node.mutates = {0, 1};
  node.outputs[0].alias_of = 0;
  node.outputs[1].alias_of = 1;
  const auto out = run_node(node, {at::ones({1}), at::full({1}, 5.0)});
  EXPECT_EQ(out[0].item<float>(), 2);
  EXPECT_EQ(out[1].item<float>(), 6);
}

TEST(OpBinding, EmptyListFitsEveryListSlot) {
  // A file cannot say what an empty list holds; sum(dim=[]) over all.
  const Node node = op_node("aten.sum", "dim_IntList", 1,
                            {{"self", InputArgument{0}}, {"dim", InputListArgument{}}}, 1);
  EXPECT_EQ(run_node(node, {at::ones({2, 2})})[0].item<float>(), 4);
}

TEST(OpBinding, SaysWhatDoesNotFit) {
  EXPECT_THAT(problem_of(op_node("aten.no_such_op", "default", 0, {}, 1)),
              HasSubstr("has no operator aten.no_such_op"));
  EXPECT_THAT(problem_of(op_node("matmul", "", 0, {}, 1)), HasSubstr("has no operator matmul"));
  EXPECT_THAT(problem_of(op_node("aten.relu", "default", 0, {}, 1)),
              HasSubstr("argument \"self\" (Tensor) is missing"));
  EXPECT_THAT(problem_of(op_node("aten.relu", "default", 1,
                                 {{"self", InputArgument{0}}, {"slope", 0.5}}, 1)),
              HasSubstr("no argument \"slope\""));
  EXPECT_THAT(problem_of(op_node("aten.sum", "dim_IntList", 1,
                                 {{"self", InputArgument{0}}, {"dim", std::string("x")}}, 1)),
              HasSubstr("argument \"dim\": a string, expected int[1]?"));
  EXPECT_THAT(problem_of(op_node("aten.relu", "default", 1, {{"self", InputArgument{0}}}, 2)),
              HasSubstr("the node has 2 outputs, the operator returns 1"));
  EXPECT_THAT(problem_of(op_node("aten.cat", "default", 1,
                                 {{"tensors", InputListArgument{{0, std::nullopt}}}}, 1)),
              HasSubstr("with holes"));
}

TEST(OpBinding, RefusesAnUndeclaredWrite) {
  Node node = op_node("aten.add_", "Tensor", 2,
                      {{"self", InputArgument{0}}, {"other", InputArgument{1}}}, 1);
  EXPECT_THAT(problem_of(node), HasSubstr("writes its argument \"self\" in place"));
  node.mutates = {0};
  EXPECT_EQ(problem_of(node), "bound");
  // The schema of native_batch_norm does not tell that training updates the statistics.
  Node norm = op_node("aten.native_batch_norm", "default", 3,
                      {{"input", InputArgument{0}},
                       {"weight", std::monostate()},
                       {"bias", std::monostate()},
                       {"running_mean", InputArgument{1}},
                       {"running_var", InputArgument{2}},
                       {"training", true},
                       {"momentum", 0.1},
                       {"eps", 1e-5}},
                      3);
  EXPECT_THAT(problem_of(norm), HasSubstr("running_mean"));
  norm.arguments[5].value = false;
  EXPECT_EQ(problem_of(norm), "bound");
}

TEST(OpBinding, ReportsEveryOpOfAGraphAtOnce) {
  ExecutableGraph graph;
  const TensorRef x = graph.input("x", {2});
  graph.unary("first", "aten.nonsense.default", x, {2});
  graph.unary("good", "aten.relu.default", x, {2});
  graph.unary("second", "aten.relu.wrong", x, {2});
  for (int i = 0; i < 7; ++i) {
    graph.unary("third" + std::to_string(i), "aten.nonsense.default", x, {2});
  }
  const Graph built = graph.build();
  try {
    (void)bind_ops(built);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(
        error.what(),
        AllOf(HasSubstr("9 of the graph's ops"),
              HasSubstr("aten.nonsense.default: \"first\", \"third0\""), HasSubstr(" and 3 more"),
              HasSubstr("aten.relu.wrong: \"second\""), ::testing::Not(HasSubstr("good"))));
  }
}

TEST(OpBinding, FusedOptimizerWritesGradientsOnlyToUnscaleThem) {
  Node update = op_node("aten._fused_sgd_", "default", 2,
                        {{"self", InputListArgument{{0}}},
                         {"grads", InputListArgument{{1}}},
                         {"momentum_buffer_list", InputListArgument{}},
                         {"weight_decay", 0.0},
                         {"momentum", 0.0},
                         {"lr", 0.5},
                         {"dampening", 0.0},
                         {"nesterov", false},
                         {"maximize", false},
                         {"is_first_step", false}},
                        0);
  EXPECT_THAT(problem_of(update), HasSubstr("\"self\" in place"));
  update.mutates = {0};
  EXPECT_EQ(problem_of(update), "bound");
  const at::Tensor weight = at::full({2}, 3.0);
  run_node(update, {weight, at::full({2}, 4.0)});
  EXPECT_EQ(weight[1].item<float>(), 1);  // 3 - 0.5 x 4
  update.inputs.push_back({id_at<NodeId>(2), 0});
  update.arguments.push_back({"grad_scale", InputArgument{2}});
  EXPECT_THAT(problem_of(update), HasSubstr("\"grads\" in place"));
}

TEST(OpBinding, SeededRunDependsOnTheSeedOnly) {
  auto bound = bind_op(op_node("aten.native_dropout", "default", 1,
                               {{"input", InputArgument{0}}, {"p", 0.5}, {"train", true}}, 2));
  auto& op = std::get<BoundOp>(bound);
  ASSERT_TRUE(op.random());
  const at::Tensor input = at::ones({1000});
  const at::Tensor* const pointer = &input;
  torch::jit::Stack stack;
  const auto draw = [&](std::uint64_t seed) {
    std::vector<at::Tensor> outputs(2);
    op.run_seeded(seed, {&pointer, 1}, outputs, stack);
    return outputs[0];
  };
  const at::Tensor first = draw(7);
  EXPECT_FALSE(first.equal(draw(8)));
  EXPECT_TRUE(first.equal(draw(7)));
}

TEST(OpBinding, DropoutThatIsOffIsNotRandom) {
  const auto off = bind_op(op_node("aten.native_dropout", "default", 1,
                                   {{"input", InputArgument{0}}, {"p", 0.5}, {"train", false}}, 2));
  EXPECT_FALSE(std::get<BoundOp>(off).random());
  const auto relu = bind_op(op_node("aten.relu", "default", 1, {{"self", InputArgument{0}}}, 1));
  EXPECT_FALSE(std::get<BoundOp>(relu).random());
}

}  // namespace
}  // namespace placer::profile
