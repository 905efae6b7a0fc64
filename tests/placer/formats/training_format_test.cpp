#include "placer/formats/training_format.h"

#include <gmock/gmock.h>

#include "placer/base/files.h"
#include "placer/formats/formats.h"

namespace placer {
namespace {

TEST(TrainingFormat, FieldsLeftOutHaveTheirDefaults) {
  EXPECT_EQ(read_training(R"({"format": "placer.training", "version": 1})", "t.json"),
            TrainingConfig{});
}

// What is held back is like what is trained on, save what it says itself.
TEST(TrainingFormat, HeldBackProblemsFollowTheTraining) {
  const TrainingConfig config = read_training(
      R"({"format": "placer.training", "version": 1, "algorithm": "dual",
          "parameters": {"hidden": 32, "lr": 1e-3},
          "seed": 7, "budget": 5000, "evaluations": 60, "workers": 3,
          "training": {"families": ["random"], "nodes": [40, 90], "ratio": 2, "tight_memory": 0},
          "held_back": {"families": ["layered"], "devices": 4}})",
      "t.json");
  EXPECT_EQ(config.algorithm, "dual");
  EXPECT_EQ(config.parameters.at("hidden"), "32");
  EXPECT_EQ(config.parameters.at("lr"), "1e-3");
  EXPECT_EQ(config.seed, 7U);
  EXPECT_EQ(config.budget, "5000");
  EXPECT_EQ(config.evaluations, 60U);
  EXPECT_EQ(config.workers, 3U);
  EXPECT_EQ(config.training.nodes, (Range<std::size_t>{40, 90}));
  EXPECT_EQ(config.training.ratio, (Range<double>{2, 2}));
  ProblemRanges held_back = config.training;
  held_back.families = {"layered"};
  held_back.devices = {4, 4};
  EXPECT_EQ(config.held_back, held_back);
}

TEST(TrainingFormat, GraphsAreOfFamiliesOrFilesOrBoth) {
  const auto config = [](const std::string& training, const std::string& held_back) {
    return read_training(R"({"format": "placer.training", "version": 1, "training": )" + training +
                             R"(, "held_back": )" + held_back + "}",
                         "t.json");
  };
  const TrainingConfig both =
      config(R"({"graphs": ["a.json", "b.json.zst"], "families": ["random"]})", "{}");
  EXPECT_THAT(both.training.graphs, testing::ElementsAre("a.json", "b.json.zst"));
  EXPECT_THAT(both.training.families, testing::ElementsAre("random"));
  EXPECT_EQ(both.held_back, both.training);
  // Who names one of the two wants no others.
  const TrainingConfig files = config(R"({"graphs": ["a.json"]})", R"({"families": ["layered"]})");
  EXPECT_TRUE(files.training.families.empty());
  EXPECT_THAT(files.held_back.families, testing::ElementsAre("layered"));
  EXPECT_TRUE(files.held_back.graphs.empty());
  EXPECT_NE(describe(files.training), describe(files.held_back));
}

TEST(TrainingFormat, OneTeacherOrSeveral) {
  const auto teachers = [](const std::string& value) {
    return read_training(
               R"({"format": "placer.training", "version": 1, "algorithm": "dual", "teacher": )" +
                   value + "}",
               "t.json")
        .teachers;
  };
  EXPECT_THAT(teachers(R"("shipped")"), testing::ElementsAre("shipped"));
  EXPECT_THAT(teachers(R"(["a.policy", "shipped"])"), testing::ElementsAre("a.policy", "shipped"));
}

TEST(TrainingFormat, BundledConfigsAreRead) {
  for (const char* name : {"generalist", "dual", "dual_student"}) {
    const std::string file = std::string(PLACER_SOURCE_ROOT) + "/configs/" + name + ".json";
    const TrainingConfig config = read_training(read_file(file), file);
    EXPECT_FALSE(config.training.families.empty()) << name;
    for (const ProblemRanges* ranges : {&config.training, &config.held_back}) {
      for (const std::string& graph : ranges->graphs) {
        const std::string path = std::string(PLACER_SOURCE_ROOT) + "/configs/" + graph;
        EXPECT_FALSE(read_graph(read_file(path), path).times.kinds().empty()) << graph;
      }
    }
  }
}

}  // namespace
}  // namespace placer
