// Constraints by flags and file, explain, diff, and machines that are not there.

#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/workload_maker.h"

namespace placer::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kOnCores = " graph.json -c cluster.json ";
constexpr const char* kSearch = " --no-measure --budget 200 ";

class SteeringCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    write("graph.json", write_graph(training_chain(4)));
    write("cluster.json", write_cluster(cpu_cores(4)));
  }
  // Devices per node after `placer place` with these flags.
  std::map<std::string, std::string> placed(const std::string& flags) {
    ok(std::string("place") + kOnCores + kSearch + "-o p.json " + flags);
    return read_placement(read("p.json"), "p.json").assignment;
  }
  static std::set<std::string> devices(const std::map<std::string, std::string>& assignment) {
    std::set<std::string> used;
    for (const auto& [node, device] : assignment) {
      used.insert(device);
    }
    return used;
  }
  // A plan by hand: layers 0 and 1 on cpu:0, the others on cpu:1.
  void write_plan(const std::string& name, const std::string& first = "cpu:0") {
    json plan{{"format", "placer.placement"}, {"version", 1}, {"assignment", json::object()}};
    const Workload workload = read_graph(read("graph.json"), "graph.json");
    for (const Node& node : workload.graph.nodes()) {
      const bool late = node.module == "layer2" || node.module == "layer3";
      plan["assignment"][node.name] = late ? "cpu:1" : first;
    }
    write(name, plan.dump());
  }
};

TEST_F(SteeringCli, AtMostSoManyDevices) {
  EXPECT_LE(devices(placed("--max-devices 2")).size(), 2U);
  EXPECT_EQ(devices(placed("--max-devices 1 --pin 'layer0=cpu:2'")),
            std::set<std::string>{"cpu:2"});
  const ProcessResult both = run(std::string("place") + kOnCores + kSearch +
                                 "--max-devices 1 --pin 'layer0=cpu:0' --pin 'layer1=cpu:1'");
  EXPECT_EQ(both.status, 2);
  EXPECT_THAT(both.err, AllOf(HasSubstr("--max-devices 1"), HasSubstr("share a device")));
}

TEST_F(SteeringCli, DevicesThatAreLeftOutHaveNoRows) {
  const json report = json::parse(
      ok(std::string("--json place") + kOnCores + kSearch + "-o p.json --max-devices 2"));
  std::size_t singles = 0;
  for (const json& row : report["algorithms"]) {
    singles += row["algorithm"].get<std::string>().starts_with("single:") ? 1U : 0U;
  }
  EXPECT_EQ(singles, 2U);
  EXPECT_EQ(report["predicted_by_devices_us"].size(), 2U);
}

TEST_F(SteeringCli, AGivenPlacementIsARowAndTheAnswerNoWorse) {
  ok(std::string("place") + kOnCores + kSearch + "-o good.json");
  const json report = json::parse(ok(std::string("--json place") + kOnCores +
                                     "--no-measure --budget 1 --algorithm random -o p.json "
                                     "--init good.json"));
  double given = 0;
  double best = std::numeric_limits<double>::max();
  for (const json& row : report["algorithms"]) {
    const double value = row["simulated_us"];
    given = row["algorithm"] == "given:good.json" ? value : given;
    best = row["algorithm"] == report["chosen"] ? value : best;
  }
  EXPECT_GT(given, 0);
  EXPECT_LE(best, given);
}

TEST_F(SteeringCli, ContiguousSplitsAreForObjectivesThatAskForThem) {
  const ProcessResult steps = run(std::string("place") + kOnCores + kSearch + "--contiguous");
  EXPECT_EQ(steps.status, 2);
  EXPECT_THAT(steps.err, AllOf(HasSubstr("--contiguous"), HasSubstr("max-load")));
  ok(std::string("place") + kOnCores + kSearch + "-o p.json --contiguous --objective max-load");
  EXPECT_THAT(run(std::string("simulate") + kOnCores + "p.json --contiguous").err,
              testing::Not(HasSubstr("breaks a rule")));
  write_plan("plan.json", "cpu:1");
  json plan = json::parse(read("plan.json"));
  plan["assignment"]["layer1/forward"] = "cpu:0";
  write("plan.json", plan.dump());
  EXPECT_THAT(run(std::string("simulate") + kOnCores + "plan.json --contiguous").err,
              HasSubstr("a path leaves cpu:1"));
}

TEST_F(SteeringCli, NoBoundOfAModelInWhichOpsTakeLess) {
  json cluster = json::parse(read("cluster.json"));
  for (json& device : cluster["devices"]) {
    device["overhead_us"] = 1000;
  }
  write("cluster.json", cluster.dump());
  const std::string compare =
      std::string("--json compare") + kOnCores + "--budget 50 --algorithms heft,branch-and-bound ";
  EXPECT_TRUE(json::parse(ok(compare)).contains("bound"));
  EXPECT_FALSE(json::parse(ok(compare + "--model ideal")).contains("bound"));
  EXPECT_FALSE(json::parse(ok(compare + "--launch asynchronous")).contains("bound"));
  // Of no meaning there: an error, not a table of something else.
  const ProcessResult other = run(compare + "--objective max-load --model ideal");
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, testing::HasSubstr("not the objective max-load"));
}

TEST_F(SteeringCli, ModulesStayTogether) {
  const auto assignment = placed("--keep-together 'layer?'");
  for (const char* layer : {"layer0", "layer1", "layer2", "layer3"}) {
    const std::string name(layer);
    EXPECT_EQ(assignment.at(name + "/forward"), assignment.at(name + "/update"));
    EXPECT_EQ(assignment.at(name + "/forward"), assignment.at(name + ".weight"));
  }
}

TEST_F(SteeringCli, RulesOfAFileHoldBesideThoseOfFlags) {
  write("rules.json", R"({"format": "placer.config", "version": 1,
                          "constraints": {"pin": ["layer0=cpu:3"], "max_devices": 2}})");
  const auto assignment = placed("--constraints rules.json --pin 'layer1=cpu:2'");
  EXPECT_EQ(assignment.at("layer0/forward"), "cpu:3");
  EXPECT_EQ(assignment.at("layer1/forward"), "cpu:2");
  EXPECT_EQ(devices(assignment).size(), 2U);
  write("typo.json", R"({"format": "placer.config", "version": 1,
                         "constraints": {"pins": []}})");
  EXPECT_EQ(run(std::string("place") + kOnCores + "--constraints typo.json").status, 3);
}

TEST_F(SteeringCli, ReservedMemoryIsNotUsed) {
  write_plan("plan.json");
  const std::string simulate = std::string("--json simulate") + kOnCores + "plan.json ";
  const json step = json::parse(ok(simulate));
  const std::int64_t peak = step["devices"][0]["peak_memory_bytes"];
  const std::int64_t memory = step["devices"][0]["memory_bytes"];
  EXPECT_EQ(run(simulate + "--reserve cpu:0=" + std::to_string(memory - peak)).status, 0);
  EXPECT_EQ(run(simulate + "--reserve cpu:0=" + std::to_string(memory - peak + 1)).status, 4);
  EXPECT_EQ(run(simulate + "--reserve cpu:0=1000GiB").status, 2);
}

TEST_F(SteeringCli, APlanFromElsewhereIsSimulatedAndItsBrokenRulesAreNamed) {
  write_plan("plan.json");
  const ProcessResult result =
      run(std::string("--json simulate") + kOnCores + "plan.json --pin 'layer3=cpu:0'");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("breaks a rule"), HasSubstr("layer3")));
  EXPECT_THAT(json::parse(result.out)["broken_rule"].get<std::string>(), HasSubstr("layer3"));
  EXPECT_THAT(run(std::string("simulate") + kOnCores + "plan.json --max-devices 1").err,
              HasSubstr("it uses 2 devices"));
}

TEST_F(SteeringCli, ExplainNamesTheBottleneckAndMovesThatHelp) {
  write_plan("plan.json");
  const std::string command = std::string("explain") + kOnCores + "plan.json";
  EXPECT_THAT(ok(command), AllOf(HasSubstr("Bottleneck: cpu:"), HasSubstr("Critical path"),
                                 HasSubstr("by module"), HasSubstr("units that may move")));
  const json summary = json::parse(ok("--json " + command));
  const json step = json::parse(ok(std::string("--json simulate") + kOnCores + "plan.json"));
  EXPECT_EQ(summary["step_time_us"], step["step_time_us"]);
  EXPECT_EQ(summary["units_surveyed"], summary["units"]);
  double path = 0;
  for (const char* owners : {"devices", "links"}) {
    for (const json& share : summary["critical_path"][owners]) {
      path += share["working_us"].get<double>() + share["waiting_us"].get<double>();
    }
  }
  EXPECT_NEAR(path, step["step_time_us"], 1e-6);
  for (const json& move : summary["best_moves"]) {
    EXPECT_LT(move["value_us"], step["step_time_us"]);
  }
  for (const json& move : summary["worst_moves"]) {
    EXPECT_GT(move["value_us"], step["step_time_us"]);
  }
}

TEST_F(SteeringCli, MovesAreJudgedByTheObjective) {
  write_plan("plan.json", "cpu:1");  // everything: a weight elsewhere lowers the peak
  const json summary = json::parse(
      ok(std::string("--json explain") + kOnCores + "plan.json --objective peak-memory"));
  EXPECT_EQ(summary["objective"], "peak-memory");
  ASSERT_FALSE(summary["best_moves"].empty());
  for (const json& move : summary["best_moves"]) {
    EXPECT_LT(move["value_bytes"], summary["value_bytes"]);
  }
  EXPECT_EQ(run(std::string("explain") + kOnCores + "plan.json --objective speed").status, 2);
}

// What explain says of a move is what simulate says of the placement after it.
TEST_F(SteeringCli, ExplainedMovesAreTrue) {
  write_plan("plan.json");
  const json node =
      json::parse(ok(std::string("--json explain") + kOnCores + "plan.json --node layer1/forward"));
  EXPECT_EQ(node["device"], "cpu:0");
  ASSERT_EQ(node["moves"].size(), 2U);  // cpu:2 stands for cpu:3, idle as well
  json plan = json::parse(read("plan.json"));
  plan["assignment"]["layer1/forward"] = node["moves"][0]["to"];
  write("moved.json", plan.dump());
  EXPECT_EQ(
      json::parse(ok(std::string("--json simulate") + kOnCores + "moved.json"))["step_time_us"],
      node["moves"][0]["value_us"]);
}

TEST_F(SteeringCli, ExplainHasItsExitStatuses) {
  write_plan("plan.json");
  const std::string command = std::string("explain") + kOnCores + "plan.json ";
  const ProcessResult typo = run(command + "--node layer1/forwrad");
  EXPECT_EQ(typo.status, 2);
  EXPECT_THAT(typo.err, HasSubstr("did you mean \"layer1/forward\"?"));
  const ProcessResult small = run(command + "--max-memory cpu:0=1KiB");
  EXPECT_EQ(small.status, 4);
  EXPECT_THAT(small.out, HasSubstr("cannot run"));
  EXPECT_EQ(run(std::string("explain") + kOnCores + "nowhere.json").status, 3);
}

TEST_F(SteeringCli, DiffTellsModulesAndConsequences) {
  write_plan("a.json");
  write_plan("b.json", "cpu:2");
  const ProcessResult names = run("diff a.json b.json");
  EXPECT_EQ(names.status, 0);
  const json changed = json::parse(ok("--json diff a.json b.json -g graph.json -c cluster.json"));
  EXPECT_FALSE(changed["same"]);
  for (const json& part : changed["parts"]) {
    EXPECT_EQ(part["from"], "cpu:0");
    EXPECT_EQ(part["to"], "cpu:2");
  }
  // cpu:2 is as fast as cpu:0.
  EXPECT_EQ(changed["first"]["step_time_us"], changed["second"]["step_time_us"]);
  EXPECT_THAT(ok("diff a.json b.json -g graph.json -c cluster.json"),
              AllOf(HasSubstr("layer0.* ("), HasSubstr("cpu:0 -> cpu:2"), HasSubstr("step time")));
  EXPECT_TRUE(json::parse(ok("--json diff a.json a.json"))["same"]);
  EXPECT_EQ(run("diff a.json b.json -c cluster.json").status, 2);
}

TEST_F(SteeringCli, AMachineThatIsNotThereIsDescribedAndAssumed) {
  write("gpus.json", R"({"format": "placer.cluster", "version": 1, "devices": [
    {"name": "cuda:0", "kind": "gpu", "memory_bytes": 1000000000},
    {"name": "cuda:1", "kind": "gpu", "memory_bytes": 1000000000}],
    "links": [{"name": "nvlink", "between": [["cuda:0", "cuda:1"]], "latency_us": 5,
               "bytes_per_second": 300000000000}]})");
  const std::string place =
      std::string("place assumed.json -c gpus.json") + kSearch + "-o gpu.json";
  ok("assume graph.json --kind gpu --like cpu-core --factor 0.01 -o assumed.json");
  ok(place);
  const Workload workload = read_graph(read("assumed.json"), "assumed.json");
  EXPECT_THAT(workload.times.find("gpu")->info.workload, HasSubstr("assumed, not measured"));
  EXPECT_EQ(run("assume graph.json --kind gpu --like tpu --factor 1").status, 2);
  EXPECT_EQ(run("assume graph.json --kind gpu --like cpu-core --factor 0").status, 2);
  EXPECT_EQ(run("assume graph.json --kind gpu --like cpu-core --factor 1 --op aten").status, 2);
}

}  // namespace
}  // namespace placer::test
