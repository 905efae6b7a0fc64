// `placer train`, and `place --policy` with what it wrote, through the program itself.

#include <filesystem>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/older_checkpoint.h"
#include "tests/support/random_graph.h"

namespace placer::test {
namespace {

using testing::HasSubstr;

class TrainCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    write("train.json",
          R"({"format": "placer.training", "version": 1, "parameters": {"hidden": 8, "pair": 8},
              "budget": 480, "evaluations": 60, "workers": 2, "test_every": 2, "test_problems": 2,
              "test_evaluations": 60, "training": {"nodes": [20, 40], "devices": [2, 3]}})");
    write("graph.json", write_graph(random_workload(7, {.nodes = 60})));
    write("cluster.json", write_cluster(random_cluster(7)));
  }
  // -1: the report of `place` has no such algorithm.
  static int evaluations_of(const std::string& algorithm, const nlohmann::json& report) {
    for (const auto& row : report.at("algorithms")) {
      if (row.at("algorithm") == algorithm) return row.at("evaluations").get<int>();
    }
    return -1;
  }
  // Its standard error.
  std::string fails(int status, const std::string& arguments) {
    const ProcessResult result = run(arguments);
    EXPECT_EQ(result.status, status) << arguments;
    return result.err;
  }
};

TEST_F(TrainCli, TrainedPolicyPlacesWithoutSearchAndSearchesOn) {
  EXPECT_THAT(ok("train train.json -o policy.ckpt --metrics m.jsonl"),
              HasSubstr("4 rounds, 480 evaluations"));
  const std::string place =
      "--json place graph.json -c cluster.json --no-measure --algorithm gnn --policy policy.ckpt ";
  const auto report = nlohmann::json::parse(ok(place + "-o zero_shot.json"));
  const auto searched = nlohmann::json::parse(ok(place + "--budget 300 -o searched.json"));
  EXPECT_GT(evaluations_of("gnn", report), 0);
  EXPECT_LT(evaluations_of("gnn", report), 100);
  EXPECT_EQ(evaluations_of("gnn", searched), 300);
}

TEST_F(TrainCli, CurvesGoToEventFilesToo) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 240 --tensorboard curves"));
  static_cast<void>(ok("train train.json -o policy.ckpt --resume --tensorboard curves"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "curves")) {
    ++files;
    EXPECT_THAT(read_file(entry.path()), testing::AllOf(HasSubstr("gain"), HasSubstr("zero_shot")));
  }
  EXPECT_EQ(files, 2U);
  write("file", "");
  EXPECT_THAT(fails(2, "train train.json -o other.ckpt --tensorboard file"), HasSubstr("file"));
}

// No machine has 128 GPUs. What is missing is said before any work.
TEST_F(TrainCli, APolicyDeviceThatIsMissingIsStatus5) {
  const std::string place = "place graph.json -c cluster.json --no-measure --budget 20 -o p.json ";
  EXPECT_THAT(fails(5, place + "--policy-device cuda:127"),
              HasSubstr("the policy cannot run on cuda:127"));
  EXPECT_THAT(fails(5, "train train.json -o policy.ckpt --policy-device cuda:127"),
              HasSubstr("the policy cannot run on cuda:127"));
  EXPECT_THAT(fails(2, place + "--policy-device gpu"), HasSubstr("expected cpu, or cuda:0"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "p.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "policy.ckpt"));
  static_cast<void>(ok(place + "--algorithm dual --policy-device cpu"));
}

TEST_F(TrainCli, ExistingFileIsKeptUnlessResumed) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 240"));
  const std::string before = read("policy.ckpt");
  EXPECT_THAT(fails(2, "train train.json -o policy.ckpt"), HasSubstr("--resume goes on from it"));
  EXPECT_EQ(read("policy.ckpt"), before);
  EXPECT_THAT(ok("train train.json -o policy.ckpt --resume"),
              HasSubstr("4 rounds, 480 evaluations"));
}

TEST_F(TrainCli, WhatIsNoPolicyIsStatus3) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 120"));
  const std::string policy = read("policy.ckpt");
  const std::string place =
      "place graph.json -c cluster.json --no-measure --algorithm gnn --policy bad.ckpt -o p.json";
  write("bad.ckpt", "not a policy");
  EXPECT_THAT(fails(3, place), HasSubstr("bad.ckpt: not a policy checkpoint"));
  write("bad.ckpt", policy.substr(0, policy.size() / 2));
  EXPECT_THAT(fails(3, place), HasSubstr("truncated"));
  write("bad.ckpt", as_version_1(policy));
  EXPECT_THAT(fails(3, place),
              HasSubstr("bad.ckpt:version: 1 where this placer reads 2: search or train anew"));
  write("bad.ckpt", policy);
  static_cast<void>(ok(place));
}

TEST_F(TrainCli, AMissingPolicyIsSaidBeforeAnyWork) {
  const std::string place =
      "place graph.json -c cluster.json --no-measure --run-dir run -o p.json ";
  for (const char* given : {"--algorithm gnn --policy none.ckpt", "--set gnn.policy=none.ckpt"}) {
    EXPECT_THAT(fails(3, place + given), HasSubstr("none.ckpt"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run")) << given;
  }
}

TEST_F(TrainCli, APolicyIsRelativeToTheConfigThatNamesIt) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 120"));
  std::filesystem::create_directory(folder_.path() / "configs");
  write("configs/place.json",
        R"({"format": "placer.config", "version": 1, "graph": "../graph.json",
            "cluster": "../cluster.json", "algorithms": ["gnn"], "measure": false,
            "parameters": {"gnn": {"policy": "../policy.ckpt", "zero_shot": true}}})");
  const auto report =
      nlohmann::json::parse(ok("--json place --config configs/place.json -o p.json"));
  EXPECT_GT(evaluations_of("gnn", report), 0);
}

TEST_F(TrainCli, TrainingStartsFromAPolicyRelativeToItsConfig) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 120"));
  std::filesystem::create_directory(folder_.path() / "configs");
  auto config = nlohmann::json::parse(read("train.json"));
  config["parameters"]["policy"] = "../policy.ckpt";
  write("configs/train.json", config.dump());
  EXPECT_THAT(ok("train configs/train.json -o next.ckpt --budget 120"), HasSubstr("1 rounds"));
  config["parameters"]["policy"] = "";  // none
  write("configs/train.json", config.dump());
  EXPECT_THAT(ok("train configs/train.json -o fresh.ckpt --budget 120"), HasSubstr("1 rounds"));
  config["parameters"]["policy"] = "policy.ckpt";
  write("configs/train.json", config.dump());
  EXPECT_THAT(fails(3, "train configs/train.json -o other.ckpt"), HasSubstr("configs/policy.ckpt"));
}

// The one that comes with the program: no search, no file.
TEST_F(TrainCli, TheShippedPolicyPlaces) {
  const auto report = nlohmann::json::parse(
      ok("--json place graph.json -c cluster.json --no-measure --algorithm dual --policy shipped "
         "-o p.json"));
  EXPECT_EQ(evaluations_of("dual", report), 64);
  EXPECT_THAT(fails(3,
                    "place graph.json -c cluster.json --no-measure --algorithm gnn --policy "
                    "shipped -o p.json"),
              HasSubstr("shipped:search.algorithm: a policy of dual, which gnn cannot start from"));
}

TEST_F(TrainCli, GraphsOfFilesAreProblemsToo) {
  std::filesystem::create_directory(folder_.path() / "configs");
  const auto config = [](const std::string& graph) {
    return R"({"format": "placer.training", "version": 1, "parameters": {"hidden": 8, "pair": 8},
               "budget": 120, "evaluations": 60, "workers": 2, "test_problems": 1,
               "test_evaluations": 60, "training": {"graphs": [")" +
           graph +
           R"("], "devices": [2, 3]}, "held_back": {"families": ["layered"], "nodes": 20}})";
  };
  write("configs/train.json", config("../graph.json"));
  EXPECT_THAT(ok("train configs/train.json -o policy.ckpt"),
              HasSubstr("1 rounds, 120 evaluations"));
  write("graph.json", write_graph(random_workload(8, {.nodes = 60})));
  EXPECT_THAT(fails(3, "train configs/train.json -o policy.ckpt --resume --budget 240"),
              HasSubstr("search.parameters.training"));
  Workload untimed = random_workload(8, {.nodes = 60});
  untimed.times = {};
  write("untimed.json", write_graph(untimed));
  write("configs/train.json", config("../untimed.json"));
  EXPECT_THAT(fails(3, "train configs/train.json -o other.ckpt"),
              HasSubstr("untimed.json:times: no kind of device has times for every op"));
  write("configs/train.json", config("missing.json"));
  EXPECT_THAT(fails(3, "train configs/train.json -o other.ckpt"), HasSubstr("missing.json"));
}

// What problems are like is a part of the training: a file does not go on with others.
TEST_F(TrainCli, ResumesWithTheSameProblemsOnly) {
  static_cast<void>(ok("train train.json -o policy.ckpt --budget 120"));
  std::string config = read("train.json");
  write("train.json", config.replace(config.find("[20, 40]"), 8, "[20, 50]"));
  EXPECT_THAT(fails(3, "train train.json -o policy.ckpt --resume"),
              HasSubstr("search.parameters.training"));
}

TEST_F(TrainCli, PolicyWithoutALearnerIsAUsageError) {
  EXPECT_THAT(fails(2,
                    "place graph.json -c cluster.json --no-measure --algorithm annealing "
                    "--policy policy.ckpt -o p.json"),
              HasSubstr("--algorithm"));
}

}  // namespace
}  // namespace placer::test
