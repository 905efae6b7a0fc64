#include "policy/torch/generalist.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

class GridInstance : public Instance {
 public:
  explicit GridInstance(std::uint64_t index)
      : problem_(test::grid(3 + index % 2, 4 + index % 3, 50, 100), {.devices = 2 + index % 3}),
        evaluator_(problem_.costs()) {}
  Problem problem() override { return problem_.with(evaluator_); }

 private:
  TestProblem problem_;
  LoadAndCut evaluator_;
};

InstanceSource grids() {
  const auto make = [](std::uint64_t index) { return std::make_unique<GridInstance>(index); };
  return {.training = make, .held_back = make};
}

class GeneralistTraining : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "generalist_" +
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  [[nodiscard]] GeneralistOptions options(std::uint64_t evaluations) const {
    GeneralistOptions options;
    options.parameters = {{"hidden", "8"}, {"pair", "8"}};
    options.budget.evaluations = evaluations;
    options.evaluations = 60;
    options.workers = 3;
    options.test_every = 2;
    options.test_problems = 3;
    options.test_evaluations = 60;
    options.output = path_;
    return options;
  }

  std::string path_;
};

TEST_F(GeneralistTraining, SameFileOnAnyNumberOfThreads) {
  GeneralistOptions one = options(900);
  static_cast<void>(train_generalist(grids(), one));
  const std::vector<Blob> expected = read_checkpoint(path_).blobs;
  std::filesystem::remove(path_);
  one.threads = 3;
  const GeneralistResult result = train_generalist(grids(), one);
  EXPECT_EQ(result.rounds, 5U);  // of 3 workers and 60 evaluations
  EXPECT_EQ(read_checkpoint(path_).blobs, expected);
}

TEST_F(GeneralistTraining, InterruptedTrainingGoesOnTheSame) {
  static_cast<void>(train_generalist(grids(), options(1080)));
  const std::vector<Blob> expected = read_checkpoint(path_).blobs;
  std::filesystem::remove(path_);
  static_cast<void>(train_generalist(grids(), options(360)));
  const GeneralistResult rest = train_generalist(grids(), options(1080));
  EXPECT_EQ(rest.rounds, 6U);
  EXPECT_EQ(read_checkpoint(path_).blobs, expected);
}

TEST_F(GeneralistTraining, FileOfAnotherTrainingIsRefusedAndKept) {
  static_cast<void>(train_generalist(grids(), options(180)));
  const std::string before = read_file(path_);
  GeneralistOptions other = options(360);
  other.seed = 2;
  EXPECT_THROW(static_cast<void>(train_generalist(grids(), other)), Error);
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(GeneralistTraining, TestsNeverMakePlacementsWorse) {
  const GeneralistResult result = train_generalist(grids(), options(720));
  ASSERT_FALSE(result.tests.empty());
  for (const GeneralistTest& test : result.tests) {
    EXPECT_LE(test.zero_shot, 1);
    EXPECT_LE(test.searched, 1);
    EXPECT_LE(test.untrained, 1);
  }
}

}  // namespace
}  // namespace placer::policy
