#include <gmock/gmock.h>

#include "placer/graph/graph.h"

namespace placer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kKiB = 1024;

TensorSpec floats(std::int64_t count) {
  return {DType::kFloat32, {count}, Bytes{4 * count}, {}};
}

TensorRef of(std::size_t node, std::uint32_t output = 0) {
  return {id_at<NodeId>(node), output};
}

Node source(const std::string& name, NodeKind kind = NodeKind::kState) {
  Node node;
  node.name = name;
  node.kind = kind;
  node.outputs = {floats(kKiB)};
  return node;
}

Node op(const std::string& name, std::vector<TensorRef> inputs) {
  Node node;
  node.name = name;
  node.op = "aten.relu";
  node.inputs = std::move(inputs);
  node.outputs = {floats(kKiB)};
  return node;
}

Node view(const std::string& name, TensorRef base) {
  Node node = op(name, {base});
  node.outputs[0].alias_of = 0;
  return node;
}

Node writer(const std::string& name, std::vector<TensorRef> inputs) {
  Node node = op(name, std::move(inputs));
  node.mutates = {0};
  node.outputs = {};
  return node;
}

Node output(const std::string& name, TensorRef input) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kOutput;
  node.inputs = {input};
  return node;
}

Graph built(std::vector<Node> nodes) {
  return build_graph_or_die({}, std::move(nodes));
}

GraphDefect defect(std::vector<Node> nodes) {
  auto result = build_graph({}, std::move(nodes));
  EXPECT_TRUE(std::holds_alternative<GraphDefect>(result)) << "expected a defect";
  const auto* found = std::get_if<GraphDefect>(&result);
  return found == nullptr ? GraphDefect{} : *found;
}

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> list;
  for (const Node& node : graph.nodes()) {
    list.push_back(node.name);
  }
  return list;
}

TEST(GraphBuilder, KeepsAValidOrder) {
  EXPECT_THAT(names(built({source("x"), op("a", {of(0)}), op("b", {of(1)})})),
              ElementsAre("x", "a", "b"));
}

TEST(GraphBuilder, SortsAndRenumbersReferences) {
  // b reads a, which is listed behind it.
  const Graph graph = built({source("x"), op("b", {of(2)}), op("a", {of(0)})});
  EXPECT_THAT(names(graph), ElementsAre("x", "a", "b"));
  EXPECT_EQ(graph.node(*graph.find("b")).inputs[0].node, *graph.find("a"));
}

TEST(GraphBuilder, ListsEachUseOnce) {
  const Graph graph = built({source("x"), op("twice", {of(0), of(0)}), op("once", {of(0)})});
  ASSERT_EQ(graph.uses(id_at<NodeId>(0)).size(), 2U);
  EXPECT_EQ(graph.uses(id_at<NodeId>(0))[0].consumer, id_at<NodeId>(1));
}

TEST(GraphBuilder, AfterBecomesAControlUseUnlessDataSaysItAlready) {
  Node waits = op("waits", {of(0)});
  waits.after = {id_at<NodeId>(0), id_at<NodeId>(1)};
  const Graph graph = built({source("x"), op("a", {of(0)}), waits});
  EXPECT_THAT(graph.controls(id_at<NodeId>(2)), ElementsAre(id_at<NodeId>(1)));
  EXPECT_EQ(graph.uses(id_at<NodeId>(1))[0].output, Use::kControl);
}

TEST(GraphBuilder, AWriteWaitsForEarlierReadersThroughViewsToo) {
  const Graph graph =
      built({source("w"), view("t", of(0)), op("reads_w", {of(0)}), op("reads_t", {of(1)}),
             source("g"), writer("update", {of(0), of(4)})});
  EXPECT_THAT(graph.controls(*graph.find("update")),
              ElementsAre(*graph.find("t"), *graph.find("reads_w"), *graph.find("reads_t")));
}

TEST(GraphBuilder, NobodyReadsAnOldNameAfterAWrite) {
  const GraphDefect found = defect({source("w"), writer("update", {of(0)}), op("late", {of(0)})});
  EXPECT_EQ(found.node, id_at<NodeId>(2));
  EXPECT_EQ(found.field, "inputs[0]");
  EXPECT_THAT(found.text, HasSubstr("read the writer's result"));
}

TEST(GraphBuilder, TheWritersResultMayBeRead) {
  Node write = view("add_", of(0));
  write.mutates = {0};
  const Graph graph = built({source("w"), write, op("late", {of(1)})});
  EXPECT_EQ(graph.storage(of(1)), of(0));
}

// Of the second write only the reader of the first one's result is ahead by control: who read the
// state before the first write is ahead of that one.
TEST(GraphBuilder, AWriteWaitsForReadersSinceTheLastWriteOnly) {
  const auto in_place = [](const std::string& name, TensorRef target) {
    Node write = view(name, target);
    write.mutates = {0};
    return write;
  };
  const Graph graph = built({source("w"), op("early", {of(0)}), in_place("first", of(0)),
                             op("late", {of(2)}), in_place("second", of(2))});
  EXPECT_THAT(graph.controls(*graph.find("first")), ElementsAre(*graph.find("early")));
  EXPECT_THAT(graph.controls(*graph.find("second")), ElementsAre(*graph.find("late")));
}

TEST(GraphBuilder, InputsAndConstantsAreNeverWritten) {
  EXPECT_THAT(defect({source("x", NodeKind::kInput), writer("w", {of(0)})}).text,
              HasSubstr("not state"));
}

TEST(GraphBuilder, AnOutputKeepsWhatItHolds) {
  EXPECT_THAT(defect({source("w"), output("kept", of(0)), writer("update", {of(0)})}).text,
              HasSubstr("output \"kept\""));
}

TEST(GraphBuilder, StorageFollowsChainsOfViews) {
  const Graph graph = built({source("x"), op("a", {of(0)}), view("v", of(1)), view("vv", of(2))});
  EXPECT_EQ(graph.storage(of(3)), of(1));
  EXPECT_EQ(graph.num_tensors(), 4U);
}

TEST(GraphBuilder, ColocatesViewsWritesOutputsAndKeys) {
  Node keyed = op("keyed", {of(0)});
  keyed.colocate = "k";
  Node other = op("other", {of(0)});
  other.colocate = "k";
  Node write_back = output("new_state", of(1));
  write_back.output_role = OutputRole::kStateWrite;
  write_back.target = id_at<NodeId>(5);
  const Graph graph = built({source("x"), keyed, view("v", of(1)), other, op("free", {of(0)}),
                             source("state"), write_back, output("result", of(4))});
  const auto together = [&](const char* a, const char* b) {
    return graph.colocation_class(*graph.find(a)) == graph.colocation_class(*graph.find(b));
  };
  EXPECT_TRUE(together("keyed", "other"));
  EXPECT_TRUE(together("keyed", "v"));
  EXPECT_TRUE(together("free", "result"));
  EXPECT_TRUE(together("new_state", "state"));
  EXPECT_FALSE(together("new_state", "keyed"));
  EXPECT_FALSE(together("x", "keyed"));
  EXPECT_EQ(graph.num_colocation_classes(), 4U);
}

TEST(GraphBuilder, NamesANodeOnTheCycle) {
  const GraphDefect found =
      defect({source("x"), op("a", {of(0), of(2)}), op("b", {of(1)}), op("after", {of(2)})});
  EXPECT_THAT(found.text, HasSubstr("cycle"));
  EXPECT_TRUE(found.node == id_at<NodeId>(1) || found.node == id_at<NodeId>(2));
}

TEST(GraphBuilder, RefusesMalformedNodes) {
  EXPECT_THAT(defect({}).text, HasSubstr("no nodes"));
  EXPECT_EQ(defect({source("x"), source("x")}).field, "name");
  EXPECT_THAT(defect({source("x#1")}).text, HasSubstr("'#'"));
  EXPECT_EQ(defect({op("a", {of(7)})}).field, "inputs[0]");
  EXPECT_EQ(defect({source("x"), op("a", {of(0, 3)})}).field, "inputs[0]");
  Node two_inputs = output("o", of(0));
  two_inputs.inputs.push_back(of(0));
  EXPECT_EQ(defect({source("x"), two_inputs}).field, "inputs");
  Node unnamed_op = op("a", {of(0)});
  unnamed_op.op = "";
  EXPECT_EQ(defect({source("x"), unnamed_op}).field, "op");
}

TEST(GraphBuilder, RefusesFaultyFields) {
  Node bad_alias = op("a", {of(0)});
  bad_alias.outputs[0].alias_of = 4;
  EXPECT_EQ(defect({source("x"), bad_alias}).field, "outputs[0].alias_of");
  Node bad_write = op("a", {of(0)});
  bad_write.mutates = {2};
  EXPECT_EQ(defect({source("x"), bad_write}).field, "mutates[0]");
  Node bad_argument = op("a", {of(0)});
  bad_argument.arguments = {{"self", InputArgument{1}}};
  EXPECT_EQ(defect({source("x"), bad_argument}).field, "args.self");
  Node twice = op("a", {of(0)});
  twice.arguments = {{"self", InputArgument{0}}, {"self", InputArgument{0}}};
  EXPECT_THAT(defect({source("x"), twice}).text, HasSubstr("twice"));
  Node wrong_bytes = source("x");
  wrong_bytes.outputs[0].bytes = Bytes{1};
  EXPECT_EQ(defect({wrong_bytes}).field, "outputs[0]");
  Node gradient = output("g", of(0));
  gradient.output_role = OutputRole::kGradient;
  EXPECT_EQ(defect({source("x"), gradient}).field, "target");
  Node range = source("x", NodeKind::kInput);
  range.range = {5, 5};
  EXPECT_EQ(defect({range}).field, "range");
}

TEST(GraphBuilder, RefusesSumsBeyondTwoToThe62) {
  Node huge = source("x");
  huge.outputs = {{DType::kOpaque, {}, Bytes{(std::int64_t{1} << 62) - 1}, {}}};
  Node second = huge;
  second.name = "y";
  EXPECT_THAT(defect({huge, second}).text, HasSubstr("exceed 2^62"));
}

TEST(GraphBuilder, HashSeesContentAndNotTheGraphsName) {
  const auto nodes = [] { return std::vector<Node>{source("x"), op("a", {of(0)})}; };
  GraphInfo named;
  named.name = "other";
  EXPECT_EQ(built(nodes()).hash(), build_graph_or_die(named, nodes()).hash());
  auto changed = nodes();
  changed[1].op = "aten.tanh";
  EXPECT_NE(built(nodes()).hash(), built(changed).hash());
  changed = nodes();
  changed[1].arguments = {{"x", std::int64_t{1}}};
  auto as_float = nodes();
  as_float[1].arguments = {{"x", 1.0}};
  EXPECT_NE(built(changed).hash(), built(as_float).hash());
}

}  // namespace
}  // namespace placer
