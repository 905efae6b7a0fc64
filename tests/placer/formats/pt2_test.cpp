// Two archives made by tests/golden/pt2/make.py.

#include "placer/formats/pt2.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/formats/weights.h"
#include "tests/placer/formats/pt2_graph.h"

namespace placer {
namespace {

using test::graph_of;
using test::kStep;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kInference = "tests/golden/pt2/inference.pt2";

const Node& named(const Graph& graph, const std::string& name) {
  const auto id = graph.find(name);
  if (!id) {
    throw std::runtime_error("no node " + name);
  }
  return graph.node(*id);
}

std::string input_name(const Graph& graph, const Node& node, std::size_t i) {
  return graph.node(node.inputs.at(i).node).name;
}

std::size_t count(const Graph& graph, const auto& predicate) {
  return static_cast<std::size_t>(
      std::count_if(graph.nodes().begin(), graph.nodes().end(), predicate));
}

// --- a training step ---

// 10 parameters, 4 buffers, 1 constant, 3 inputs; 10 gradients, 3 new buffer values, 1 loss.
TEST(Pt2Step, InputsStateAndOutputsAreThoseOfTheSignature) {
  const Graph graph = graph_of(kStep);
  const auto of_kind = [&](NodeKind kind) {
    return count(graph, [&](const Node& node) { return node.kind == kind; });
  };
  EXPECT_EQ(of_kind(NodeKind::kState), 14U);
  EXPECT_EQ(of_kind(NodeKind::kConstant), 1U);
  EXPECT_EQ(of_kind(NodeKind::kInput), 3U);
  EXPECT_EQ(of_kind(NodeKind::kOutput), 14U);
  EXPECT_EQ(graph.info().producer, "torch 2.11.0+cu130");
  EXPECT_EQ(graph.info().weights, kStep);
  EXPECT_EQ(named(graph, "bn.running_mean").state_role, StateRole::kBuffer);
  EXPECT_EQ(named(graph, "conv.weight").module, "conv");
  EXPECT_EQ(named(graph, "conv.weight").outputs[0].bytes, Bytes{std::int64_t{4} * 3 * 3 * 3 * 4});
}

TEST(Pt2Step, OutputsPointToTheStateTheyBelongTo) {
  const Graph graph = graph_of(kStep);
  const Node& gradient = named(graph, "fc.weight.grad");
  EXPECT_EQ(gradient.output_role, OutputRole::kGradient);
  EXPECT_EQ(gradient.target, graph.find("fc.weight"));
  EXPECT_EQ(gradient.pass, Pass::kBackward);
  const Node& written = named(graph, "bn.running_mean.next");
  EXPECT_EQ(written.output_role, OutputRole::kStateWrite);
  EXPECT_EQ(written.target, graph.find("bn.running_mean"));
  EXPECT_EQ(named(graph, "loss").output_role, OutputRole::kLoss);
}

// tokens index 11 words; labels are classes of a layer with 7 results.
TEST(Pt2Step, IntegerInputsGetTheRangeOfWhatReadsThem) {
  const Graph graph = graph_of(kStep);
  EXPECT_THAT(named(graph, "tokens").range, ElementsAre(0, 11));
  EXPECT_THAT(named(graph, "target").range, ElementsAre(0, 7));
  EXPECT_THAT(named(graph, "image").range, IsEmpty());
}

TEST(Pt2Step, SmallIntegersAndConstantsKeepTheirValues) {
  const Graph graph = graph_of(kStep);
  EXPECT_THAT(named(graph, "position").values, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(named(graph, "lifted_tensor_0").values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(named(graph, "bn.num_batches_tracked").values, ElementsAre(0));
  EXPECT_THAT(named(graph, "conv.weight").values, IsEmpty());
}

TEST(Pt2Step, ForwardIsWhatTheLossAndTheNewBuffersNeed) {
  const Graph graph = graph_of(kStep);
  for (const char* name : {"convolution", "native_dropout", "nll_loss_forward", "add"}) {
    EXPECT_EQ(named(graph, name).pass, Pass::kForward) << name;
  }
  for (const char* name : {"ones_like", "native_batch_norm_backward", "convolution_backward.dw"}) {
    EXPECT_EQ(named(graph, name).pass, Pass::kBackward) << name;
  }
}

TEST(Pt2Step, BackwardOpsBelongToTheModuleOfTheirParameter) {
  const Graph graph = graph_of(kStep);
  EXPECT_EQ(named(graph, "convolution_backward.dx").module, "fc");
  EXPECT_EQ(named(graph, "native_batch_norm_backward").module, "bn");
  // No parameter: the forward op whose result it reads.
  EXPECT_EQ(named(graph, "threshold_backward").module, "bn");
  // The gradient of places.weight reads a buffer that no module owns.
  EXPECT_EQ(named(graph, "embedding_dense_backward").module, "places");
}

TEST(Pt2Step, ListResultsAreOutputsThatShareTheirBase) {
  const Graph graph = graph_of(kStep);
  const Node& split = named(graph, "split");
  ASSERT_EQ(split.outputs.size(), 2U);
  for (const TensorSpec& output : split.outputs) {
    EXPECT_THAT(output.shape, ElementsAre(2, 4));
    EXPECT_EQ(output.alias_of, 0U);
  }
  EXPECT_EQ(graph.storage({*graph.find("split"), 1}), (TensorRef{*graph.find("sum_1"), 0}));
}

// The backward pass takes t(t(out.weight)) in the file, and returns t(t(mm)) as the gradient.
TEST(Pt2Step, AViewOfAViewThatIsTheBaseAgainVanishes) {
  const Graph graph = graph_of(kStep);
  const Node& gradient = named(graph, "out.weight.grad");
  EXPECT_EQ(input_name(graph, gradient, 0), "mm_1");
  EXPECT_EQ(input_name(graph, named(graph, "mm"), 1), "out.weight");
  EXPECT_EQ(count(graph, [](const Node& node) { return node.op == "aten.detach"; }), 0U);
}

// Of two convolutions the first needs no input gradient: the file has masked it off already.
TEST(Pt2Step, ConvolutionBackwardIsSplitWhereBothHalvesAreNeeded) {
  const Graph graph = graph_of(kStep);
  EXPECT_TRUE(graph.find("convolution_backward.dx"));
  EXPECT_TRUE(graph.find("convolution_backward.dw"));
  EXPECT_TRUE(graph.find("convolution_backward_1"));
  EXPECT_EQ(input_name(graph, named(graph, "fc.weight.grad"), 0), "convolution_backward.dw");
  EXPECT_EQ(input_name(graph, named(graph, "threshold_backward"), 0), "convolution_backward.dx");
}

TEST(Pt2Step, ArgumentsKeepTheirTypes) {
  const Graph graph = graph_of(kStep);
  const Node& softmax = named(graph, "_log_softmax_backward_data");
  EXPECT_EQ(softmax.overload, "default");
  EXPECT_EQ(softmax.arguments.back(), (Argument{"input_dtype", DType::kFloat32}));
  const auto& ones = named(graph, "ones_like").arguments;
  EXPECT_EQ(ones.back(), (Argument{"memory_format", MemoryFormat::kPreserve}));
  const auto& loss = named(graph, "nll_loss_forward").arguments;
  EXPECT_EQ(loss[2], (Argument{"weight", std::monostate{}}));
  EXPECT_EQ(loss[4], (Argument{"ignore_index", std::int64_t{-100}}));
}

TEST(Pt2Step, AnOptimizerUpdatesEveryParameterInPlace) {
  const Graph graph = graph_of(kStep, Optimizer::kAdam);
  EXPECT_EQ(count(graph, [](const Node& node) { return node.op == "aten._fused_adam_"; }), 10U);
  const Node& update = named(graph, "fc.bias.update");
  EXPECT_EQ(update.pass, Pass::kUpdate);
  EXPECT_EQ(input_name(graph, update, 0), "fc.bias");
  EXPECT_EQ(input_name(graph, update, 1), "convolution_backward.dw");
  // It waits for the forward reader of the parameter.
  const auto controls = graph.controls(*graph.find("fc.bias.update"));
  EXPECT_NE(std::find(controls.begin(), controls.end(), *graph.find("convolution_1")),
            controls.end());
}

TEST(Pt2Step, ImportingTwiceGivesTheSameGraph) {
  EXPECT_EQ(graph_of(kStep).hash(), graph_of(kStep).hash());
  EXPECT_NE(graph_of(kStep).hash(), graph_of(kStep, Optimizer::kSgd).hash());
}

// --- a program that writes in place ---

TEST(Pt2Inference, TiedWeightsAreOneState) {
  const Graph graph = graph_of(kInference);
  EXPECT_FALSE(graph.find("second.weight"));
  EXPECT_EQ(input_name(graph, named(graph, "linear"), 1), "first.weight");
  EXPECT_EQ(input_name(graph, named(graph, "linear_1"), 1), "first.weight");
}

TEST(Pt2Inference, AfterAnInPlaceOpItsResultIsRead) {
  const Graph graph = graph_of(kInference);
  const Node& relu = named(graph, "relu_");
  EXPECT_THAT(relu.mutates, ElementsAre(0U));
  EXPECT_EQ(relu.outputs[0].alias_of, 0U);
  EXPECT_EQ(input_name(graph, named(graph, "linear_1"), 0), "relu_");
  EXPECT_EQ(graph.colocation_class(*graph.find("add_")),
            graph.colocation_class(*graph.find("calls")));
}

// table[1:] = x[0:2] writes through a view; table itself is taken again from the writer's result.
TEST(Pt2Inference, AWriteThroughAViewIsSeenByTheOthers) {
  const Graph graph = graph_of(kInference);
  const Node& again = named(graph, "zeros.again");
  EXPECT_EQ(again.op, "aten.as_strided");
  EXPECT_EQ(input_name(graph, again, 0), "copy_");
  EXPECT_EQ(again.arguments[1], (Argument{"size", std::vector<std::int64_t>{3, 4}}));
  EXPECT_EQ(again.arguments[2], (Argument{"stride", std::vector<std::int64_t>{4, 1}}));
  EXPECT_EQ(input_name(graph, named(graph, "sum_3"), 0), "zeros.again");
}

TEST(Pt2Inference, AnInputIsCopiedBeforeItIsWritten) {
  const Graph graph = graph_of(kInference);
  EXPECT_EQ(input_name(graph, named(graph, "mul_"), 0), "x.copy");
  EXPECT_EQ(input_name(graph, named(graph, "linear"), 0), "x");
}

TEST(Pt2Inference, RegionsAreInlinedAndSymbolicSizesFixed) {
  const ImportReport report = import_pt2(kInference, {});
  EXPECT_EQ(input_name(report.graph, named(report.graph, "mul"), 1), "add.add");
  EXPECT_THAT(named(report.graph, "x").outputs[0].shape, ElementsAre(5, 4));
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_THAT(report.notes[0], HasSubstr("symbolic"));
}

// Dropout that is switched off hands its input through: reshape reads the second half of chunk,
// whose rows lie apart, so that it copies.
TEST(Pt2Inference, ReshapeIsAViewOnlyWhereNoCopyIsNeeded) {
  const Graph graph = graph_of(kInference);
  const Node& reshape = named(graph, "reshape");
  EXPECT_EQ(reshape.inputs[0], (TensorRef{*graph.find("chunk"), 1}));
  EXPECT_FALSE(reshape.outputs[0].alias_of);
  EXPECT_FALSE(graph.find("dropout"));
}

TEST(Pt2Inference, AnOptimizerNeedsGradients) {
  try {
    (void)graph_of(kInference, Optimizer::kSgd);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("no gradients"));
  }
}

// --- weights ---

TEST(Weights, RecordsAreReadByName) {
  const auto weights = open_weights(kStep, graph_of(kStep).info().source_hash);
  const auto bias = weights->read("conv.bias");
  ASSERT_TRUE(bias);
  EXPECT_EQ(bias->dtype, DType::kFloat32);
  EXPECT_THAT(bias->shape, ElementsAre(4));
  EXPECT_EQ(bias->data.size(), 16U);
  EXPECT_TRUE(weights->read("lifted_tensor_0"));
  EXPECT_FALSE(weights->read("no.such.tensor"));
}

TEST(Weights, AnotherModelIsRefused) {
  EXPECT_THROW((void)open_weights(kInference, graph_of(kStep).info().source_hash), Error);
}

}  // namespace
}  // namespace placer
