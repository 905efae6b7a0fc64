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
  std::vector<Placement> references() override {
    return {Placement{std::vector<DeviceId>(problem_.graph().size(), DeviceId{0}), {}}};
  }

 private:
  TestProblem problem_;
  LoadAndCut evaluator_;
};

InstanceSource grids() {
  const auto make = [](std::uint64_t index) { return std::make_unique<GridInstance>(index); };
  return {.training = make, .held_back = make};
}

class GeneralistTraining : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "generalist_" + GetParam();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  [[nodiscard]] GeneralistOptions options(std::uint64_t evaluations) const {
    GeneralistOptions options;
    options.algorithm = GetParam();
    options.parameters = {{"hidden", "8"}};
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

TEST_P(GeneralistTraining, SameFileOnAnyNumberOfThreads) {
  GeneralistOptions one = options(900);
  static_cast<void>(train_generalist(grids(), one));
  const std::vector<Blob> expected = read_checkpoint(path_).blobs;
  std::filesystem::remove(path_);
  one.threads = 3;
  const GeneralistResult result = train_generalist(grids(), one);
  EXPECT_EQ(result.rounds, 5U);  // of 3 workers and 60 evaluations
  EXPECT_TRUE(read_checkpoint(path_).blobs == expected);
}

TEST_P(GeneralistTraining, InterruptedTrainingGoesOnTheSame) {
  static_cast<void>(train_generalist(grids(), options(1080)));
  const std::vector<Blob> expected = read_checkpoint(path_).blobs;
  std::filesystem::remove(path_);
  GeneralistOptions interrupted = options(1080);
  std::stop_source stop;
  interrupted.stop = stop.get_token();
  int rounds = 0;
  interrupted.metrics = [&](const std::string&) {
    if (++rounds == 2) stop.request_stop();
  };
  EXPECT_EQ(train_generalist(grids(), interrupted).rounds, 2U);
  const GeneralistResult rest = train_generalist(grids(), options(1080));
  EXPECT_EQ(rest.rounds, 6U);
  EXPECT_TRUE(read_checkpoint(path_).blobs == expected);
}

TEST_P(GeneralistTraining, FileOfAnotherTrainingIsRefusedAndKept) {
  static_cast<void>(train_generalist(grids(), options(180)));
  const std::string before = read_file(path_);
  GeneralistOptions other = options(360);
  other.seed = 2;
  EXPECT_THROW(static_cast<void>(train_generalist(grids(), other)), Error);
  EXPECT_EQ(read_file(path_), before);
}

TEST_P(GeneralistTraining, OrdinaryLearningRatesAreLeftAlone) {
  const GeneralistResult result = train_generalist(grids(), options(900));
  EXPECT_EQ(result.rollbacks, 0U);
  EXPECT_EQ(result.trouble, "");
}

TEST_P(GeneralistTraining, FileOfOtherProblemsIsRefused) {
  InstanceSource source = grids();
  source.identity = {{"training", "grids"}};
  static_cast<void>(train_generalist(source, options(180)));
  source.identity = {{"training", "other grids"}};
  EXPECT_THROW(static_cast<void>(train_generalist(source, options(360))), Error);
}

// Everything on one device is the reference, and a good policy places better than that.
TEST_P(GeneralistTraining, FirstTestIsOfFreshWeightsAndSearchingBeatsDecoding) {
  const GeneralistResult result = train_generalist(grids(), options(720));
  ASSERT_EQ(result.tests.size(), 3U);  // 4 rounds, every second, and before
  EXPECT_EQ(result.tests.front().round, 0U);
  EXPECT_EQ(result.tests.back().round, 4U);
  for (const GeneralistTest& test : result.tests) {
    EXPECT_EQ(test.failed, 0U);
    EXPECT_LT(test.searched, 1);
    EXPECT_GT(test.zero_shot, 0.2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GeneralistTraining, testing::Values("gnn", "dual"),
                         [](const auto& of) { return std::string(of.param); });

TEST(Generalist, MethodsThatDoNotTransferAreRefused) {
  GeneralistOptions options;
  options.algorithm = "colocrl";
  EXPECT_THROW(static_cast<void>(train_generalist(grids(), options)), Error);
}

GeneralistOptions distillation() {
  GeneralistOptions options;
  options.algorithm = "dual";
  options.parameters = {{"urgency", "0"},      {"greed", "0"},   {"thrift", "0"}, {"packing", "0"},
                        {"width", "8"},        {"layers", "1"},  {"hidden", "4"}, {"lr", "0.01"},
                        {"elite_weight", "3"}, {"rollouts", "2"}};
  options.teachers = {"shipped"};
  options.teacher_rollouts = 32;
  options.evaluations = 8;
  options.workers = 4;
  options.test_every = 1000;
  options.test_problems = 12;
  options.test_evaluations = 8;
  return options;
}

// From fresh weights that know nothing, with fewer evaluations than the teacher spends on a problem.
TEST(Generalist, AStudentComesNearItsTeacher) {
  GeneralistOptions options = distillation();
  options.budget.evaluations = 2400;
  const GeneralistResult result = train_generalist(grids(), options);
  EXPECT_LT(result.tests.back().over_teacher.value(),
            0.9 * result.tests.front().over_teacher.value());
  EXPECT_LT(result.tests.back().over_teacher.value(), 1.2);
  EXPECT_GT(result.tests.back().effort.value(), 0);
}

// Adds to what the student imitates; a file that is none is refused.
TEST(Generalist, TeachersAreSeveralOrAreRefused) {
  GeneralistOptions options = distillation();
  options.budget.evaluations = 64;
  options.output = testing::TempDir() + "generalist_student";
  std::filesystem::remove(options.output);
  static_cast<void>(train_generalist(grids(), options));
  GeneralistOptions next = distillation();
  next.budget.evaluations = 64;
  next.teachers = {options.output, "shipped"};
  next.output = options.output + "_of_two";
  std::filesystem::remove(next.output);
  EXPECT_TRUE(train_generalist(grids(), next).tests.back().over_teacher.has_value());
  next.budget.evaluations = 128;
  EXPECT_GT(train_generalist(grids(), next).rounds, 2U);  // it goes on
  next.teachers.pop_back();
  EXPECT_THROW(static_cast<void>(train_generalist(grids(), next)), Error);
  std::filesystem::remove(next.output);
  next.teachers = {options.output + "_that_is_missing"};
  EXPECT_THROW(static_cast<void>(train_generalist(grids(), next)), Error);
  std::filesystem::remove(options.output);
}

// A file's weights are where training starts, of whatever shape.
TEST(Generalist, TrainingGoesOnFromAPolicy) {
  GeneralistOptions options;
  options.algorithm = "dual";
  options.parameters = {{"policy", "shipped"}, {"rollouts", "32"}};
  options.teachers = {"shipped"};
  options.teacher_rollouts = 32;
  options.budget.evaluations = 200;
  options.test_problems = 3;
  options.test_evaluations = 8;
  const GeneralistResult result = train_generalist(grids(), options);
  EXPECT_EQ(result.tests.front().over_teacher, 1.0);
}

// How fresh weights would begin does not matter to those that are there.
TEST(Generalist, SearchesByThePolicyAsItIs) {
  GeneralistOptions options;
  options.algorithm = "dual";
  options.parameters = {{"policy", "shipped"}, {"rollouts", "1"}};
  options.budget.evaluations = 0;
  options.test_problems = 6;
  options.test_evaluations = 24;
  const double searched = train_generalist(grids(), options).tests.front().searched;
  for (const char* way : {"greed", "thrift", "packing"}) options.parameters.emplace_back(way, "0");
  EXPECT_EQ(train_generalist(grids(), options).tests.front().searched, searched);
}

// Problems on which the device of a decision hardly matters at first: what is learned shows.
TEST(Generalist, DualLearnsOnProblemsWhatHelpsOnOthers) {
  GeneralistOptions options;
  options.algorithm = "dual";
  // From nothing: fresh weights are no list scheduler.
  options.parameters = {{"urgency", "0"}, {"greed", "0"},    {"thrift", "0"},
                        {"packing", "0"}, {"rollouts", "1"}, {"lr", "0.01"}};
  options.budget.evaluations = 6400;
  options.evaluations = 64;
  options.workers = 4;
  options.test_every = 1000;
  options.test_problems = 12;
  options.test_evaluations = 8;
  const GeneralistResult result = train_generalist(grids(), options);
  EXPECT_LT(result.tests.back().zero_shot, 0.9 * result.tests.front().zero_shot);
}

}  // namespace
}  // namespace placer::policy
