// placer place as a user meets it: answers, constraints, stopping, killing and going on.

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tests/support/cli_fixture.h"
#include "tests/support/random_graph.h"

namespace placer::test {
namespace {

using testing::HasSubstr;

class PlaceCli : public CliFixture {
 protected:
  void SetUp() override {
    CliFixture::SetUp();
    RandomGraphOptions options;
    options.nodes = 60;
    workload_ = random_workload(7, options);
    write_file(folder_.path() / "graph.json", write_graph(workload_));
    write_file(folder_.path() / "cluster.json", write_cluster(cluster_));
  }
  // The run's metrics without what depends on the clock.
  std::vector<nlohmann::json> metrics(const std::string& run_dir) {
    std::istringstream lines(read_file(folder_.path() / run_dir / "metrics.jsonl"));
    std::vector<nlohmann::json> objects;
    for (std::string line; std::getline(lines, line);) {
      objects.push_back(nlohmann::json::parse(line));
      objects.back().erase("wall_time");
    }
    return objects;
  }
  PlacementFile placement(const std::string& name) {
    return read_placement(read_file(folder_.path() / name), name);
  }

  Workload workload_;
  const Cluster cluster_ = random_cluster(7);
};

constexpr const char* kPlace = "place graph.json -c cluster.json --no-measure --budget 400 ";

TEST_F(PlaceCli, PlacesEveryNodeAndSaysWhatItDid) {
  const ProcessResult result = run(std::string(kPlace) + "-o p.json");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(placement("p.json").assignment.size(), workload_.graph.size());
  EXPECT_EQ(placement("p.json").graph_hash, workload_.graph.hash());
  EXPECT_THAT(result.out,
              testing::AllOf(HasSubstr("hill-climb"), HasSubstr("single:"), HasSubstr("heft"),
                             HasSubstr("chosen:"), HasSubstr("wrote")));
  EXPECT_THAT(result.err, HasSubstr("memory of a step"));
}

TEST_F(PlaceCli, TheChoiceIsNeverWorseThanAnyBaseline) {
  const ProcessResult result = run("--json " + std::string(kPlace));
  ASSERT_EQ(result.status, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  double chosen = 0;
  double best = 1e30;
  for (const auto& row : report["algorithms"]) {
    const double time = row["simulated_us"];
    best = std::min(best, time);
    if (row["algorithm"] == report["chosen"]) {
      chosen = time;
    }
  }
  EXPECT_EQ(chosen, best);
  EXPECT_GE(report["algorithms"].size(), 5U);
}

TEST_F(PlaceCli, SameSeedSamePlacement) {
  ASSERT_EQ(run(std::string(kPlace) + "--seed 3 -o a.json").status, 0);
  ASSERT_EQ(run(std::string(kPlace) + "--seed 3 -o b.json").status, 0);
  EXPECT_EQ(placement("a.json").assignment, placement("b.json").assignment);
}

TEST_F(PlaceCli, PinsAreKept) {
  const std::string node = workload_.graph.nodes()[5].name;
  const ProcessResult result = run(std::string(kPlace) + "-o p.json --pin '" + node + "=dev:0'");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(placement("p.json").assignment.at(node), "dev:0");
}

TEST_F(PlaceCli, WhatIsWrongWithAnAlgorithmIsSaidBeforeTheSearch) {
  const std::pair<const char*, const char*> wrong[] = {
      {"--set colocr.lr=1", "unknown algorithm \"colocr\""},
      {"--set hill-climb.bach=1", "did you mean \"batch\"?"},
      {"--set random.batch=0", "expected a number from 1 to 4096"},
      {"--set heft.x=1", "has no parameters"},
      {"--algorithm random,hil-climb", "did you mean \"hill-climb\"?"},
      {"-o no/such/folder/p.json", "there is no folder"},
      {"-o .", "is a folder"},
      {"--run-dir graph.json", "--run-dir graph.json"},
  };
  for (const auto& [flag, message] : wrong) {
    const ProcessResult result = run(std::string(kPlace) + flag);
    EXPECT_EQ(result.status, 2) << flag;
    EXPECT_THAT(result.err, HasSubstr(message)) << flag;
  }
}

TEST_F(PlaceCli, WhatIsReadIsNeverWrittenOver) {
  const std::string before = read_file(folder_.path() / "graph.json");
  const ProcessResult result = run(std::string(kPlace) + "-o ./graph.json");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("name another file"));
  EXPECT_EQ(read_file(folder_.path() / "graph.json"), before);
}

TEST_F(PlaceCli, ResumeTakesNoOtherOptions) {
  ASSERT_EQ(run(std::string(kPlace) + "--run-dir d -o p.json").status, 0);
  const ProcessResult result = run("place --resume d --seed 3");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--seed does not go with --resume"));
  EXPECT_EQ(run("place --resume ./d").status, 0);
}

TEST_F(PlaceCli, NumbersOutOfRangeAreRefused) {
  for (const char* flag : {"--seed -1", "--seed 99999999999999999999", "--max-groups -1"}) {
    const ProcessResult result = run(std::string(kPlace) + flag);
    EXPECT_EQ(result.status, 2) << flag;
    EXPECT_THAT(result.err, HasSubstr("expected a whole number")) << flag;
  }
}

TEST_F(PlaceCli, FlagsMayStandBeforeTheGraph) {
  const ProcessResult result =
      run("place --pin '*=" + cluster_.devices()[0].name +
          "' --algorithm random,hill-climb graph.json -c cluster.json --no-measure --budget 40");
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(PlaceCli, ABudgetThatIsNoneLeavesNoRunDirectory) {
  EXPECT_EQ(run("place graph.json -c cluster.json --budget 60x --run-dir d").status, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "d"));
}

TEST_F(PlaceCli, AGlobThatMatchesNothingIsAnError) {
  const ProcessResult result = run(std::string(kPlace) + "--forbid 'nothing_like_this*=cpu:0'");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("nothing_like_this"));
}

TEST_F(PlaceCli, WhatCannotFitIsStatus4WithTheShortage) {
  const Cluster cluster = random_cluster(7);
  std::string limits;
  for (const Device& device : cluster.devices()) {
    limits += " --max-memory " + device.name + "=64";
  }
  const ProcessResult result = run(std::string(kPlace) + limits);
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_THAT(result.err, HasSubstr("no feasible placement"));
}

TEST_F(PlaceCli, AnExperimentFileSaysWhatFlagsSay) {
  Config config;
  config.graph = "graph.json";
  config.cluster = "cluster.json";
  config.budget = "400";
  config.measure = false;
  config.seed = 3;
  write_file(folder_.path() / "experiment.json", write_config(config));
  ASSERT_EQ(run("place --config experiment.json -o a.json").status, 0);
  ASSERT_EQ(run(std::string(kPlace) + "--seed 3 -o b.json").status, 0);
  EXPECT_EQ(placement("a.json").assignment, placement("b.json").assignment);
}

TEST_F(PlaceCli, InterruptKeepsTheBestSoFar) {
  const ProcessResult result =
      run_and_interrupt("place graph.json -c cluster.json --no-measure --budget 600s -o p.json");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("stopped on request"));
  EXPECT_EQ(placement("p.json").assignment.size(), workload_.graph.size());
}

TEST_F(PlaceCli, AKilledRunGoesOnToTheSameResult) {
  const std::string search = "place graph.json -c cluster.json --no-measure --budget 3000 ";
  ASSERT_EQ(run(search + "--run-dir whole -o whole.json").status, 0);
  // Killed again and again, wherever it is at that moment, the first time soon after it has begun.
  ProcessResult result =
      run_shell("\"$PLACER\" " + search + "--run-dir broken -o broken.json & run=$!\n" +
                    "while kill -0 $run && ! test -s broken/config.json; do sleep 0.02; done\n"
                    "sleep 0.2; kill -KILL $run\n"
                    "for i in 1 2 3; do timeout -s KILL 0.8 \"$PLACER\" place --resume broken && "
                    "break; done\n"
                    "\"$PLACER\" place --resume broken",
                folder_.path());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(placement("broken.json").assignment, placement("whole.json").assignment);
  EXPECT_EQ(metrics("broken"), metrics("whole"));
}

// One file a learner; a run that goes on may add its own.
TEST_F(PlaceCli, CurvesGoToEventFilesWithOrWithoutARunDirectory) {
  const auto files = [&](const std::string& folder) {
    std::vector<std::string> contents;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / folder)) {
      contents.push_back(read_file(entry.path()));
    }
    return contents;
  };
  const std::string post = std::string(kPlace) + "--algorithm post ";
  static_cast<void>(ok(post + "--tensorboard curves"));
  EXPECT_THAT(files("curves/post"), testing::ElementsAre(HasSubstr("best_step_time_ms")));
  static_cast<void>(ok(post + "--run-dir r --tensorboard r/curves"));
  EXPECT_THAT(files("r/curves/post"), testing::ElementsAre(HasSubstr("best_step_time_ms")));
  // It had finished: there is nothing to add.
  static_cast<void>(ok("place --resume r --tensorboard r/curves"));
  EXPECT_EQ(files("r/curves/post").size(), 1U);
  EXPECT_EQ(run(post + "--tensorboard graph.json").status, 2);
}

TEST_F(PlaceCli, ARunDirectoryIsNotOverwritten) {
  ASSERT_EQ(run(std::string(kPlace) + "--run-dir r").status, 0);
  const ProcessResult again = run(std::string(kPlace) + "--run-dir r");
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("--resume"));
  const ProcessResult nothing = run("place --resume nowhere");
  EXPECT_EQ(nothing.status, 3);
}

}  // namespace
}  // namespace placer::test
