#include "policy/torch/value_head.h"

#include <filesystem>

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "policy/checkpoint_file.h"
#include "policy/register.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/numerical_gradient.h"
#include "tests/policy/torch/same_search.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

at::Tensor three_numbers(at::ScalarType dtype) {
  return at::tensor({0.5, -0.25, 1.0}, at::TensorOptions(dtype));
}

// Squared errors 0.25 and 0.01 around V = 0: mean of halves 0.065.
TEST(ValueHead, LossIsHalfTheMeanSquaredError) {
  const ValueHead head(3, at::kDouble);
  const at::Tensor summary = three_numbers(at::kDouble);
  EXPECT_EQ(head.value(summary).item<double>(), 0);
  EXPECT_NEAR(head.loss(summary, std::vector{-0.5, 0.1}).item<double>(), 0.065, 1e-12);
}

TEST(ValueHead, GradientsAreNumericallyRight) {
  ValueHead head(3, at::kDouble);
  const at::Tensor summary = three_numbers(at::kDouble);
  const std::vector<double> rewards = {-1, -0.5, -2};
  for (int i = 0; i < 5; ++i) head.learn(summary, rewards);  // away from weights of 0
  test::expect_numerical_gradient(head.parameters(), [&] { return head.loss(summary, rewards); });
}

TEST(ValueHead, LearnsTheMeanOfWhatItSees) {
  ValueHead head(3, at::kFloat);
  const at::Tensor summary = three_numbers(at::kFloat);
  for (int i = 0; i < 300; ++i) head.learn(summary, std::vector{-1.0, -0.5});
  EXPECT_NEAR(head.value(summary).item<double>(), -0.75, 1e-3);
  head.reset(1, 1);
  EXPECT_EQ(head.value(summary).item<double>(), 0);
}

class AlwaysTheSame : public LoadAndCut {
 public:
  using LoadAndCut::LoadAndCut;
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    LoadAndCut::evaluate(placements, results);
    for (Outcome& outcome : results) outcome.step_time = {100'000'000};
  }
};

SearchOptions with_value(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.parameters = {{"baseline", "value"}};
  return options;
}

SearchResult search_with_value(const std::string& algorithm, SearchOptions options,
                               bool always_the_same = false) {
  const TestProblem problem(test::grid(3, 3, 50, 100), {.devices = 3});
  AlgorithmRegistry registry;
  register_policies(registry);
  if (algorithm == "colocrl") options.parameters.emplace_back("hidden", "8");
  LoadAndCut evaluator(problem.costs());
  AlwaysTheSame same(problem.costs());
  Evaluator& judge = always_the_same ? same : evaluator;
  return registry.find(algorithm).make()->run(problem.with(judge), options);
}

// Nine cells of 50 us on one device are the reference: the reward is -sqrt(100 / 450) = -0.471, half
// its square 0.111.
TEST(ValueBaseline, ConvergesToAConstantReward) {
  for (const std::string algorithm : {"colocrl", "hdp"}) {
    SearchOptions options = with_value(800);
    std::vector<double> losses;
    options.metrics = [&](const std::string& line) {
      losses.push_back(nlohmann::json::parse(line).at("loss_value"));
    };
    static_cast<void>(search_with_value(algorithm, options, true));
    EXPECT_NEAR(losses.front(), 0.111, 1e-3) << algorithm;
    EXPECT_LT(losses.back(), 1e-5) << algorithm;
  }
}

TEST(ValueBaseline, ResumedSearchIsBitIdenticalToOneNeverStopped) {
  const std::string path = testing::TempDir() + "value_baseline";
  std::filesystem::remove(path);
  SearchOptions options = with_value(240);
  options.checkpoint = path;
  const SearchResult whole = search_with_value("colocrl", options);
  const Checkpoint expected = read_checkpoint(path);
  std::filesystem::remove(path);
  options.budget.evaluations = 120;
  static_cast<void>(search_with_value("colocrl", options));
  options.budget.evaluations = 240;
  test::expect_same(search_with_value("colocrl", options), whole);
  EXPECT_EQ(read_checkpoint(path).blobs, expected.blobs);
  EXPECT_THAT(expected.blobs,
              testing::Contains(testing::Field(&Blob::name, "adam.mean.value.hidden.weight")));
  std::filesystem::remove(path);
}

TEST(ValueBaseline, IsRefusedWhereNothingIsReadThatItCouldPredictFrom) {
  AlgorithmRegistry registry;
  register_policies(registry);
  const std::vector<std::pair<std::string, std::string>> value = {{"baseline", "value"}};
  for (const char* algorithm : {"post", "guided", "dual", "gnn"}) {
    try {
      registry.find(algorithm).check_parameters(value);
      ADD_FAILURE() << algorithm << " takes it";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), testing::HasSubstr("baseline=value: expected moving or batch"));
    }
  }
  for (const char* algorithm : {"colocrl", "ppo", "hdp"}) {
    EXPECT_NO_THROW(registry.find(algorithm).check_parameters(value));
  }
}

}  // namespace
}  // namespace placer::policy
