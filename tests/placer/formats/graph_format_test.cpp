#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/formats/formats.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

// Equality to the bit, so that -0.0 differs from 0.0 and NaN equals itself.
bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

void expect_same(const Node& a, const Node& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.pass, b.pass);
  EXPECT_EQ(a.module, b.module);
  EXPECT_EQ(a.colocate, b.colocate);
  EXPECT_EQ(a.op, b.op);
  EXPECT_EQ(a.overload, b.overload);
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.after, b.after);
  EXPECT_EQ(a.arguments, b.arguments);
  EXPECT_EQ(a.mutates, b.mutates);
  EXPECT_EQ(a.workspace, b.workspace);
  EXPECT_EQ(a.state_role, b.state_role);
  EXPECT_EQ(a.origin, b.origin);
  EXPECT_EQ(a.output_role, b.output_role);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.range, b.range);
  EXPECT_TRUE(
      std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), same_bits));
  ASSERT_EQ(a.outputs.size(), b.outputs.size());
  for (std::size_t i = 0; i < a.outputs.size(); ++i) {
    EXPECT_EQ(a.outputs[i].dtype, b.outputs[i].dtype);
    EXPECT_EQ(a.outputs[i].shape, b.outputs[i].shape);
    EXPECT_EQ(a.outputs[i].bytes, b.outputs[i].bytes);
    EXPECT_EQ(a.outputs[i].alias_of, b.outputs[i].alias_of);
  }
}

void expect_same(const KindTimes& a, const KindTimes& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.info.machine, b.info.machine);
  EXPECT_EQ(a.info.library, b.info.library);
  EXPECT_EQ(a.info.method, b.info.method);
  EXPECT_EQ(a.info.repeats, b.info.repeats);
  EXPECT_EQ(a.info.date, b.info.date);
  EXPECT_EQ(a.info.workload, b.info.workload);
  ASSERT_EQ(a.ops.size(), b.ops.size());
  for (std::size_t i = 0; i < a.ops.size(); ++i) {
    ASSERT_EQ(a.ops[i].has_value(), b.ops[i].has_value()) << i;
    if (a.ops[i]) {
      EXPECT_EQ(a.ops[i]->time, b.ops[i]->time);
      EXPECT_EQ(a.ops[i]->minimum, b.ops[i]->minimum);
      EXPECT_EQ(a.ops[i]->busy, b.ops[i]->busy);
    }
  }
}

void expect_same(const Workload& a, const Workload& b) {
  EXPECT_EQ(a.graph.info().name, b.graph.info().name);
  EXPECT_EQ(a.graph.info().source, b.graph.info().source);
  EXPECT_EQ(a.graph.info().source_hash, b.graph.info().source_hash);
  EXPECT_EQ(a.graph.info().producer, b.graph.info().producer);
  EXPECT_EQ(a.graph.info().weights, b.graph.info().weights);
  EXPECT_EQ(a.graph.info().weights_model, b.graph.info().weights_model);
  EXPECT_EQ(a.graph.hash(), b.graph.hash());
  ASSERT_EQ(a.graph.size(), b.graph.size());
  for (std::size_t i = 0; i < a.graph.size(); ++i) {
    expect_same(a.graph.node(id_at<NodeId>(i)), b.graph.node(id_at<NodeId>(i)));
  }
  ASSERT_EQ(a.times.kinds().size(), b.times.kinds().size());
  for (std::size_t k = 0; k < a.times.kinds().size(); ++k) {
    expect_same(a.times.kinds()[k], b.times.kinds()[k]);
  }
}

TEST(GraphFormat, RandomGraphsComeBackEqualAndAsTheSameBytes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Workload workload = test::random_workload(
        seed, {.nodes = 5 + seed % 60, .unsupported = 0.2, .rich = seed % 4 != 0});
    const std::string text = write_graph(workload);
    const Workload again = read_graph(text, "graph.json");
    expect_same(workload, again);
    ASSERT_EQ(write_graph(again), text);
  }
}

Argument argument(std::string name, ArgumentValue value) {
  return {std::move(name), std::move(value)};
}

Workload one_op(std::vector<Argument> arguments) {
  std::vector<Node> nodes(2);
  nodes[0].name = "x";
  nodes[0].kind = NodeKind::kInput;
  nodes[0].outputs = {{DType::kFloat32, {2}, Bytes{8}, std::nullopt}};
  nodes[1].name = "y";
  nodes[1].op = "aten.op";
  nodes[1].overload = "default";
  nodes[1].inputs = {{NodeId{0}, 0}};
  nodes[1].arguments = std::move(arguments);
  nodes[1].outputs = nodes[0].outputs;
  return {build_graph_or_die({}, std::move(nodes)), {}};
}

TEST(GraphFormat, EveryFormOfArgumentHasOneSpelling) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::string text = write_graph(one_op({
      argument("none", std::monostate{}),
      argument("flag", true),
      argument("integer", std::int64_t{-3}),
      argument("decimal", 3.0),
      argument("tiny", 1e-300),
      argument("infinite", -inf),
      argument("nan", std::nan("")),
      argument("text", std::string("mean")),
      argument("no_integers", std::vector<std::int64_t>{}),
      argument("no_decimals", std::vector<double>{}),
      argument("no_flags", std::vector<bool>{}),
      argument("no_tensors", InputListArgument{}),
      argument("integers", std::vector<std::int64_t>{1, INT64_MIN}),
      argument("decimals", std::vector<double>{1.0, -0.0}),
      argument("infinite_decimals", std::vector<double>{1.0, inf}),
      argument("flags", std::vector<bool>{true, false}),
      argument("tensor", InputArgument{0}),
      argument("tensors", InputListArgument{{0U, std::nullopt}}),
      argument("holes", InputListArgument{{std::nullopt}}),
      argument("dtype", DType::kBFloat16),
      argument("format", MemoryFormat::kChannelsLast),
      argument("layout", Layout::kStrided),
      argument("device", DeviceArgument{"cpu"}),
  }));
  EXPECT_NE(
      text.find(R"("args": {"none": null, "flag": true, "integer": -3, "decimal": 3.0, )"
                R"("tiny": 1e-300, "infinite": {"float":"-inf"}, "nan": {"float":"nan"}, )"
                R"("text": "mean", "no_integers": [], "no_decimals": {"floats":[]}, )"
                R"("no_flags": {"bools":[]}, "no_tensors": {"tensors":[]}, )"
                R"("integers": [1,-9223372036854775808], "decimals": [1.0,-0.0], )"
                R"("infinite_decimals": {"floats":[1,"inf"]}, "flags": [true,false], )"
                R"("tensor": {"in":0}, "tensors": [{"in":0},null], "holes": [null], )"
                R"("dtype": {"dtype":"bfloat16"}, "format": {"memory_format":"channels_last"}, )"
                R"("layout": {"layout":"strided"}, "device": {"device":"cpu"}})"),
      std::string::npos)
      << text;
  EXPECT_EQ(write_graph(read_graph(text, "graph.json")), text);
}

// Integers and decimals in one list are decimals: a hand-written [1, 0.5] means that.
TEST(GraphFormat, MixedNumbersAreDecimals) {
  std::string text = write_graph(one_op({argument("list", std::vector<std::int64_t>{1, 2})}));
  text.replace(text.find("[1,2]"), 5, "[1, 0.5]");
  const Workload workload = read_graph(text, "graph.json");
  EXPECT_EQ(workload.graph.node(NodeId{1}).arguments[0].value,
            ArgumentValue(std::vector<double>{1.0, 0.5}));
}

TEST(GraphFormat, TimesKeepEveryPicosecond) {
  for (const std::int64_t ps :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{999'999}, std::int64_t{1'000'000},
        std::int64_t{123'456'789'012'345}, kMaxSimTime.ps - 1}) {
    Workload workload = one_op({});
    workload.times.set({"kind", {}, {std::nullopt, OpTime{SimTime{ps}, SimTime{ps}, {}}}});
    const Workload again = read_graph(write_graph(workload), "graph.json");
    EXPECT_EQ(again.times.kinds()[0].ops[1]->time.ps, ps);
  }
}

// Nodes may stand in any order and refer forward; times go with their node.
TEST(GraphFormat, NodesInAnyOrderAreSorted) {
  const Workload workload = read_graph(R"({
    "format": "placer.graph", "version": 1, "times": [{"kind": "core"}],
    "nodes": [
      {"name": "b", "op": "relu", "inputs": ["a#1"], "outputs": [{"bytes": 8}], "time_us": [2]},
      {"name": "a", "op": "split", "inputs": ["x"], "outputs": [{"bytes": 4}, {"bytes": 8}], "time_us": [[1.5, 1.75]]},
      {"name": "x", "kind": "input", "outputs": [{"dtype": "float32", "shape": [3]}]}
    ]})",
                                       "graph.json");
  ASSERT_EQ(workload.graph.size(), 3U);
  EXPECT_EQ(workload.graph.node(NodeId{0}).name, "x");
  EXPECT_EQ(workload.graph.node(NodeId{1}).name, "a");
  EXPECT_EQ(workload.graph.node(NodeId{2}).inputs[0], (TensorRef{NodeId{1}, 1}));
  const KindTimes& times = workload.times.kinds()[0];
  EXPECT_FALSE(times.ops[0].has_value());
  EXPECT_EQ(times.ops[1]->time, SimTime{1'500'000});
  EXPECT_EQ(times.ops[1]->minimum, SimTime{1'750'000});
  EXPECT_EQ(times.ops[2]->time, SimTime{2'000'000});
}

// 12 bytes for 3 x float32; the default overload is "default".
TEST(GraphFormat, DefaultsAreFilledIn) {
  const Workload workload = read_graph(R"({"format": "placer.graph", "version": 1, "nodes": [
      {"name": "x", "kind": "state", "outputs": [{"dtype": "float32", "shape": [3]}]},
      {"name": "y", "op": "aten.relu", "inputs": ["x"]}]})",
                                       "graph.json");
  const Node& state = workload.graph.node(NodeId{0});
  EXPECT_EQ(state.outputs[0].bytes, Bytes{12});
  EXPECT_EQ(state.state_role, StateRole::kParameter);
  EXPECT_EQ(workload.graph.node(NodeId{1}).overload, "default");
  EXPECT_EQ(workload.graph.node(NodeId{1}).pass, Pass::kForward);
  EXPECT_TRUE(workload.times.kinds().empty());
}

// Every prefix of a valid file is refused with a place, and none crashes the reader.
TEST(GraphFormat, EveryTruncationIsRefused) {
  const std::string text = write_graph(test::random_workload(7, {.nodes = 12, .rich = true}));
  const std::size_t whole = text.find_last_of('}') + 1;
  for (std::size_t size = 0; size < whole; ++size) {
    try {
      (void)read_graph(std::string_view(text).substr(0, size), "cut.json");
      FAIL() << "accepted " << size << " of " << whole << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    }
  }
}

// A changed byte gives another valid graph or an Error, never anything else.
TEST(GraphFormat, ChangedBytesNeverCrashTheReader) {
  const std::string text = write_graph(test::random_workload(8, {.nodes = 15, .rich = true}));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    for (const char replacement : {'"', '9', '-', '}', '\xFF', '\0'}) {
      std::string changed = text;
      changed[i] = replacement;
      try {
        (void)read_graph(changed, "changed.json");
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, text.size() / 3);
}

}  // namespace
}  // namespace placer
