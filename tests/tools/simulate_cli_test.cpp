// placer simulate as a user meets it: where the time of a step goes, and why one cannot run.

#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"

namespace placer::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class SimulateCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    RandomGraphOptions options;
    options.nodes = 40;
    const Workload workload = random_workload(3, options);
    const Cluster cluster = random_cluster(3);
    ops_ = static_cast<std::size_t>(
        std::count_if(workload.graph.nodes().begin(), workload.graph.nodes().end(),
                      [](const Node& node) { return node.kind == NodeKind::kOp; }));
    device_ = cluster.devices()[0].name;
    write_file(folder_.path() / "graph.json", write_graph(workload));
    write_file(folder_.path() / "cluster.json", write_cluster(cluster));
    const ProcessResult placed =
        run("place graph.json -c cluster.json --no-measure --budget 200 -o p.json");
    ASSERT_EQ(placed.status, 0) << placed.err;
  }

  std::size_t ops_ = 0;
  std::string device_;
};

constexpr const char* kSimulate = "simulate graph.json p.json -c cluster.json ";

TEST_F(SimulateCli, SaysWhereTheTimeGoes) {
  const ProcessResult result = run(kSimulate);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("Step time"), HasSubstr("idle"), HasSubstr("peak memory"),
                                HasSubstr("Critical path:")));
}

TEST_F(SimulateCli, TheFiguresAddUp) {
  const ProcessResult result = run("--json " + std::string(kSimulate));
  ASSERT_EQ(result.status, 0) << result.err;
  const json step = json::parse(result.out);
  const double whole = step["step_time_us"];
  EXPECT_TRUE(step["feasible"]);
  std::size_t ops = 0;
  for (const json& device : step["devices"]) {
    ops += device["ops"].get<std::size_t>();
    EXPECT_NEAR(device["busy_us"].get<double>() + device["idle_us"].get<double>(), whole, 1e-5);
    EXPECT_LE(device["peak_memory_bytes"], device["memory_bytes"]);
  }
  EXPECT_EQ(ops, ops_);
  // The critical path tiles the step.
  double end = 0;
  for (const json& piece : step["critical_path"]["pieces"]) {
    EXPECT_EQ(piece["start_us"], end);
    end = piece["end_us"];
  }
  EXPECT_EQ(end, whole);
}

TEST_F(SimulateCli, ItIsThePredictionThatPlaceMade) {
  const json step = json::parse(run("--json " + std::string(kSimulate)).out);
  const PlacementFile file = read_placement(read_file(folder_.path() / "p.json"), "p.json");
  EXPECT_EQ(step["step_time_us"], file.provenance.predicted_us);
}

TEST_F(SimulateCli, TheTraceHasEveryOp) {
  const ProcessResult result = run(std::string(kSimulate) + "--trace trace.json");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("perfetto"));
  const json events = json::parse(read_file(folder_.path() / "trace.json"))["traceEvents"];
  const auto slices = std::count_if(events.begin(), events.end(), [](const json& event) {
    return event["ph"] == "X" && event.value("cat", "") == "op";
  });
  EXPECT_EQ(static_cast<std::size_t>(slices), ops_);
}

TEST_F(SimulateCli, WhatDoesNotFitIsStatus4WithTheDevice) {
  const ProcessResult result = run(std::string(kSimulate) + "--max-memory " + device_ + "=1KiB");
  EXPECT_EQ(result.status, 4) << result.out;
  EXPECT_THAT(result.err, AllOf(HasSubstr("cannot run"), HasSubstr(device_)));
}

TEST_F(SimulateCli, APlacementOfAnotherGraphIsStatus3) {
  RandomGraphOptions options;
  options.nodes = 20;
  write_file(folder_.path() / "graph.json", write_graph(random_workload(4, options)));
  const ProcessResult result = run(kSimulate);
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("p.json"));
}

}  // namespace
}  // namespace placer::test
