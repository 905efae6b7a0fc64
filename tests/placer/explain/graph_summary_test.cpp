#include "placer/explain/graph_summary.h"

#include <gtest/gtest.h>

#include "tests/support/random_graph.h"

namespace placer {
namespace {

TensorSpec floats(std::int64_t count) {
  return {DType::kFloat32, {count}, Bytes{4 * count}, std::nullopt};
}

Node op(std::string name, std::string module, Pass pass, std::vector<TensorRef> inputs) {
  Node node;
  node.name = std::move(name);
  node.module = std::move(module);
  node.pass = pass;
  node.op = "aten.mul";
  node.inputs = std::move(inputs);
  node.arguments = {{"self", InputArgument{0}}};
  node.outputs = {floats(10)};
  return node;
}

TensorRef of(std::uint32_t node) {
  return {NodeId{node}, 0};
}

// x and w feed a; b and c both read a; v is a view of c; dw is kept as w's gradient.
Workload small_step() {
  std::vector<Node> nodes(2);
  nodes[0].name = "x";
  nodes[0].kind = NodeKind::kInput;
  nodes[0].outputs = {floats(5)};
  nodes[1].name = "w";
  nodes[1].kind = NodeKind::kState;
  nodes[1].module = "net.first";
  nodes[1].outputs = {floats(7)};
  nodes.push_back(op("a", "net.first", Pass::kForward, {of(0), of(1)}));
  nodes.push_back(op("b", "net.second", Pass::kForward, {of(2)}));
  nodes.push_back(op("c", "net.second.inner", Pass::kForward, {of(2)}));
  nodes.push_back(op("v", "net.second", Pass::kForward, {of(4)}));
  nodes.back().op = "aten.view";
  nodes.back().outputs[0].alias_of = 0;
  nodes.push_back(op("dw", "net.first", Pass::kBackward, {of(3), of(5)}));
  Node gradient;
  gradient.name = "out";
  gradient.kind = NodeKind::kOutput;
  gradient.output_role = OutputRole::kGradient;
  gradient.target = NodeId{1};
  gradient.inputs = {of(6)};
  nodes.push_back(gradient);
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  KindTimes times;
  times.kind = "core";
  times.ops.resize(8);
  for (std::size_t i = 2; i < 7; ++i) {
    times.ops[i] = OpTime{SimTime{static_cast<std::int64_t>(i) * 100}, SimTime{1000}, {}};
  }
  workload.times.set(std::move(times));
  return workload;
}

TEST(GraphSummary, CountsNodesAndMemoryOnce) {
  const GraphSummary summary = summarize(small_step());
  EXPECT_EQ(summary.nodes[static_cast<std::size_t>(NodeKind::kOp)], 5U);
  EXPECT_EQ(summary.ops_by_pass[0], 4U);
  EXPECT_EQ(summary.ops_by_pass[1], 1U);
  EXPECT_EQ(summary.edges, 8U);  // 2 of a, 1 each of b, c, v, 2 of dw, 1 of the output
  EXPECT_EQ(summary.inputs, Bytes{20});
  EXPECT_EQ(summary.parameters, Bytes{28});
  EXPECT_EQ(summary.gradients, Bytes{40});
  EXPECT_EQ(summary.results[0], Bytes{120});  // a, b, c; v is a view
  EXPECT_EQ(summary.results[1], Bytes{40});
}

// a 200, b 300, c 400, v 500, dw 600 ps: 2000 in all; the longest path is a, c, v, dw with 1700.
TEST(GraphSummary, TimesAndCriticalPath) {
  const GraphSummary summary = summarize(small_step());
  ASSERT_EQ(summary.kinds.size(), 1U);
  EXPECT_EQ(summary.kinds[0].total, SimTime{2000});
  EXPECT_EQ(summary.kinds[0].by_pass[1], SimTime{600});
  EXPECT_EQ(summary.kinds[0].critical_path, SimTime{1700});
  EXPECT_EQ(summary.kinds[0].path_ops, 4U);
  EXPECT_DOUBLE_EQ(summary.kinds[0].parallelism(), 2000.0 / 1700.0);
  ASSERT_EQ(summary.ops.size(), 2U);
  EXPECT_EQ(summary.ops[0].op, "aten.mul");  // 1500 ps against 500
  EXPECT_EQ(summary.ops[0].time[0], SimTime{1500});
  EXPECT_EQ(summary.slowest[0], NodeId{6});
}

// All modules begin with "net": the second part divides them.
TEST(GraphSummary, ModulesDivideWhereTheyFirstDiffer) {
  const GraphSummary summary = summarize(small_step());
  ASSERT_EQ(summary.modules.size(), 2U);
  EXPECT_EQ(summary.modules[0].module, "net.first");
  EXPECT_EQ(summary.modules[0].ops, 2U);
  EXPECT_EQ(summary.modules[0].parameters, Bytes{28});
  EXPECT_EQ(summary.modules[1].module, "net.second");
  EXPECT_EQ(summary.modules[1].ops, 3U);
  EXPECT_EQ(summary.modules[1].time[0], SimTime{1200});
}

// The output belongs to dw, the view to c: 8 nodes in 6 units.
TEST(GraphSummary, UnitsAndWarnings) {
  Workload workload = small_step();
  EXPECT_EQ(summarize(workload).colocation_classes, 6U);
  EXPECT_TRUE(summarize(workload).warnings.empty());

  KindTimes partial = workload.times.kinds()[0];
  partial.kind = "gpu";
  partial.ops[4].reset();
  workload.times.set(std::move(partial));
  ASSERT_EQ(summarize(workload).warnings.size(), 1U);
  EXPECT_EQ(summarize(workload).warnings[0],
            "1 of 5 ops have no time on gpu and cannot be placed there, such as \"c\"");
}

TEST(GraphSummary, WarnsOfWhatCannotBeExecutedOrIsNeverRead) {
  std::vector<Node> nodes(2);
  nodes[0].name = "unread";
  nodes[0].kind = NodeKind::kInput;
  nodes[0].outputs = {floats(1)};
  nodes[1].name = "label";
  nodes[1].op = "matmul";
  nodes[1].outputs = {{DType::kOpaque, {}, Bytes{8}, std::nullopt}};
  const Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  const std::vector<std::string> expected{
      "no op times: run `placer profile` before placing or simulating",
      "1 of 1 ops can be simulated but not executed (no arguments or no shapes), such as \"label\"",
      "1 inputs, states or constants are never read, such as \"unread\"",
      "the results of 1 ops are never read, such as \"label\""};
  EXPECT_EQ(summarize(workload).warnings, expected);
}

// On any graph: parts add up to the whole, and no path is longer than all ops together.
TEST(GraphSummary, PartsAddUpOnRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Workload workload = test::random_workload(seed, {.unsupported = 0.1});
    const GraphSummary summary = summarize(workload);
    std::size_t ops = 0;
    std::size_t in_modules = 0;
    SimTime time;
    for (const OpCount& entry : summary.ops) {
      ops += entry.count;
      time += entry.time[1];
    }
    for (const ModuleSummary& module : summary.modules) {
      in_modules += module.ops;
    }
    EXPECT_EQ(ops, summary.nodes[static_cast<std::size_t>(NodeKind::kOp)]);
    EXPECT_EQ(in_modules, ops);
    EXPECT_EQ(time, summary.kinds[1].total);
    EXPECT_LE(summary.kinds[1].critical_path, summary.kinds[1].total);
    EXPECT_EQ(summary.colocation_classes, workload.graph.num_colocation_classes());
  }
}

}  // namespace
}  // namespace placer
