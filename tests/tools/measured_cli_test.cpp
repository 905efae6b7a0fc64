// The commands that run real steps, from an unprofiled graph to a measured placement.

#include <filesystem>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"

namespace placer::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kWidth = 64;

TensorSpec matrix() {
  return {DType::kFloat32, {kWidth, kWidth}, Bytes{4 * kWidth * kWidth}, {}};
}

Node source(const std::string& name, NodeKind kind) {
  Node node;
  node.name = name;
  node.origin = name;
  node.kind = kind;
  node.outputs = {matrix()};
  return node;
}

Node product(const std::string& name, std::size_t left, std::size_t right) {
  Node node;
  node.name = name;
  node.op = "aten.mm";
  node.overload = "default";
  node.inputs = {{id_at<NodeId>(left), 0}, {id_at<NodeId>(right), 0}};
  node.arguments = {{"self", InputArgument{0}}, {"mat2", InputArgument{1}}};
  node.outputs = {matrix()};
  return node;
}

// Two chains of products of one input with one weight each, and the product of their ends.
Graph two_chains() {
  std::vector<Node> nodes{source("x", NodeKind::kInput), source("v", NodeKind::kState),
                          source("w", NodeKind::kState)};
  std::size_t ends[2] = {0, 0};
  for (std::size_t chain = 0; chain < 2; ++chain) {
    for (int i = 0; i < 4; ++i) {
      nodes.push_back(
          product("p" + std::to_string(chain) + std::to_string(i), ends[chain], 1 + chain));
      ends[chain] = nodes.size() - 1;
    }
  }
  nodes.push_back(product("join", ends[0], ends[1]));
  Node result;
  result.name = "result";
  result.kind = NodeKind::kOutput;
  result.inputs = {{id_at<NodeId>(nodes.size() - 1), 0}};
  nodes.push_back(std::move(result));
  return build_graph_or_die({.name = "two_chains",
                             .source = "",
                             .source_hash = "",
                             .producer = "",
                             .weights = "",
                             .weights_model = ""},
                            std::move(nodes));
}

class MeasuredCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    write("graph.json", write_graph({two_chains(), {}}));
    ok("devices -o cluster.json");
    ok("profile graph.json -c cluster.json --no-cache --repeats 3");
  }
};

TEST_F(MeasuredCli, ProfilingKeepsTimesAndWhereTheyAreFrom) {
  const Workload profiled = read_graph(read_file(folder_.path() / "graph.json"), "graph.json");
  const KindTimes* times = profiled.times.find("cpu-core");
  ASSERT_NE(times, nullptr);
  EXPECT_EQ(times->info.repeats, 3);
  EXPECT_THAT(times->info.library, HasSubstr("libtorch"));
  for (std::size_t i = 0; i < profiled.graph.size(); ++i) {
    const bool is_op = profiled.graph.nodes()[i].kind == NodeKind::kOp;
    EXPECT_EQ(times->ops[i].has_value(), is_op) << profiled.graph.nodes()[i].name;
  }
}

TEST_F(MeasuredCli, PlaceMeasuresWhatItChooses) {
  const std::string report = ok("--json place graph.json -c cluster.json --budget 3s -o p.json");
  const auto json = nlohmann::json::parse(report);
  EXPECT_EQ(json["not_measured"], "");
  EXPECT_GE(json["all_cores"]["samples"], 6);
  const PlacementFile placement = read_placement(read_file(folder_.path() / "p.json"), "p.json");
  ASSERT_TRUE(placement.provenance.measured.has_value());
  EXPECT_GT(placement.provenance.measured->median_us, 0);
  EXPECT_GE(placement.provenance.measured->samples, 6);
}

TEST_F(MeasuredCli, AWorkerMeasuresAsWell) {
  ok("place graph.json -c cluster.json --budget 40 --algorithm colocrl --signal measured --isolate "
     "--run-dir run -o p.json");
  EXPECT_EQ(read_placement(read_file(folder_.path() / "p.json"), "p.json").assignment.size(),
            two_chains().size());
  // Every placement that was new took three timed steps, which the worker told.
  const std::string metrics = read("run/metrics.jsonl");
  const auto first = nlohmann::json::parse(metrics.substr(0, metrics.find('\n')));
  EXPECT_GE(first["timed_steps"], 3);
}

TEST_F(MeasuredCli, RunDirectoryKeepsWhatWasTheFastestWhenItWasMeasured) {
  ok("place graph.json -c cluster.json --budget 40 --algorithm post --signal measured "
     "--run-dir run -o p.json");
  std::size_t found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path() / "run/improvements")) {
    const std::string name = entry.path().stem().string();
    ASSERT_THAT(name, testing::StartsWith("post-"));
    const PlacementFile file = read_placement(read_file(entry.path()), name);
    EXPECT_EQ(file.assignment.size(), two_chains().size());
    EXPECT_EQ(file.provenance.evaluations, std::stoul(name.substr(5)));
    ASSERT_TRUE(file.provenance.measured.has_value());
    EXPECT_GE(file.provenance.measured->samples, 3);
    ++found;
  }
  EXPECT_GE(found, 1U);
}

TEST_F(MeasuredCli, MeasureComparesAPlacementWithItselfAndWithTheSimulator) {
  ok("place graph.json -c cluster.json --budget 50 --no-measure -o p.json");
  const std::string table =
      ok("measure graph.json -c cluster.json p.json --rounds 6 --all-cores --trace trace.json");
  EXPECT_THAT(table, AllOf(HasSubstr("p.json (again)"), HasSubstr("all cores in one op")));
  const auto trace = nlohmann::json::parse(read_file(folder_.path() / "trace.json"));
  EXPECT_GT(trace["traceEvents"].size(), 9U);
  const auto fidelity = nlohmann::json::parse(ok(
      "--json measure graph.json -c cluster.json --compare-simulator --placements 6 --rounds 4"));
  EXPECT_GE(fidelity["fidelity"]["placements"], 2);
  EXPECT_TRUE(fidelity["fidelity"]["simulated"].contains("mape"));
}

TEST_F(MeasuredCli, OpsThatLibTorchDoesNotHaveAreNamed) {
  Graph graph = two_chains();
  std::vector<Node> nodes(graph.nodes().begin(), graph.nodes().end());
  nodes[4].op = "aten.no_such_op";
  write_file(folder_.path() / "odd.json",
             write_graph({build_graph_or_die({}, std::move(nodes)), {}}));
  const ProcessResult result = run("profile odd.json -c cluster.json");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("no_such_op"), HasSubstr("p0")));
}

TEST_F(MeasuredCli, ADeviceThatIsNotThereIsStatus5) {
  std::string cluster = read_file(folder_.path() / "cluster.json");
  const auto json = [&] {
    auto parsed = nlohmann::json::parse(cluster);
    parsed["devices"][0]["cores"] = {4000};
    return parsed.dump();
  }();
  write_file(folder_.path() / "elsewhere.json", json);
  EXPECT_EQ(run("profile graph.json -c elsewhere.json --no-cache").status, 5);
  EXPECT_EQ(run("measure graph.json -c elsewhere.json --compare-simulator").status, 5);
}

}  // namespace
}  // namespace placer::test
