#include "policy/torch/hdp.h"

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/register.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

SearchResult search(const TestProblem& problem, const SearchOptions& options,
                    const std::string& algorithm = "hdp", std::int64_t cut_us = 10) {
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_policies(registry);
  LoadAndCut evaluator(problem.costs(), cut_us);
  return registry.find(algorithm).make()->run(problem.with(evaluator), options);
}

TestProblem cells(std::size_t steps) {
  return TestProblem(test::grid(3, steps, 50, 100), {.devices = 3});
}

SearchOptions small_search(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  options.parameters = {{"hidden", "8"}, {"elites", "2"}};
  return options;
}

void expect_same_search(const SearchResult& a, const SearchResult& b) {
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.evaluations, b.evaluations);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].evaluations, b.history[i].evaluations);
    EXPECT_EQ(a.history[i].best, b.history[i].best);
  }
}

TEST(Hdp, SameSeedSameSearchAndConstraintsAreKept) {
  TestProblem problem = cells(3);
  problem.constraints().allowed[4] = 0b100;
  problem.constraints().allowed[0] = 0b011;
  const SearchResult result = search(problem, small_search(83));
  EXPECT_EQ(result.evaluations, 83U);
  EXPECT_EQ(result.best.value().device[4], DeviceId{2});
  EXPECT_NE(result.best.value().device[0], DeviceId{2});
  expect_same_search(search(problem, small_search(83)), result);
}

TEST(Hdp, ResumedSearchIsBitIdenticalToOneNeverStopped) {
  const TestProblem problem = cells(3);
  const std::string path = testing::TempDir() + "hdp_resumed";
  const std::string whole_path = path + "_whole";
  std::filesystem::remove(whole_path);
  SearchOptions whole = small_search(240);
  whole.checkpoint = whole_path;
  const SearchResult expected = search(problem, whole);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{83}}) {
    std::filesystem::remove(path);
    SearchOptions options = small_search(first);
    options.checkpoint = path;
    static_cast<void>(search(problem, options));
    options.budget.evaluations = 240;
    expect_same_search(search(problem, options), expected);
    EXPECT_EQ(read_checkpoint(path).blobs, read_checkpoint(whole_path).blobs);
  }
  // An elite that another grouper drew.
  Checkpoint foreign = read_checkpoint(path);
  foreign.state.round.elites.at(0).proposal.latent.at(0) = 1000;
  write_checkpoint(path, foreign);
  SearchOptions options = small_search(400);
  options.checkpoint = path;
  EXPECT_THROW(static_cast<void>(search(problem, options)), Error);
  std::filesystem::remove(path);
  std::filesystem::remove(whole_path);
}

TEST(Hdp, ImitatesAPlacementUnlessItHasMoreDevicesThanThereAreGroups) {
  const TestProblem problem = cells(3);
  SearchOptions options = small_search(80);
  options.parameters.emplace_back("warm_start", "on");
  options.initial = {all_on(problem.graph(), DeviceId{2})};
  options.initial[0].device[0] = DeviceId{1};
  // Nothing is better than the placement that it begins with, and most samples are near it.
  const SearchResult result = search(problem, options, "hdp", 1000);
  EXPECT_EQ(result.evaluations, 80U);
  EXPECT_LE(result.history.front().evaluations, 1U);
  options.parameters.emplace_back("groups", "1");
  EXPECT_THROW(static_cast<void>(search(problem, options)), Error);
}

TEST(Hdp, MetricsTellHowManyGroupsAreUsed) {
  const TestProblem problem = cells(3);
  SearchOptions options = small_search(16);
  nlohmann::json line;
  options.metrics = [&](const std::string& text) { line = nlohmann::json::parse(text); };
  static_cast<void>(search(problem, options));
  EXPECT_GE(line.at("groups_used"), 1);
  EXPECT_LE(line.at("groups_used"), 9);
  EXPECT_GT(line.at("usage_entropy"), 0.9 * std::log(9));
  EXPECT_LT(line.at("grouper_entropy"), std::log(9));
}

// 60 cells on three devices, two thirds of their reads cut by random placements, 40 us each.
TEST(Hdp, BeatsRandomSearchAtEqualEvaluations) {
  const TestProblem problem = cells(20);
  SearchOptions options;
  options.budget.evaluations = 1'500;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    options.seed = seed;
    EXPECT_LT(search(problem, options, "hdp", 40).outcome.step_time,
              search(problem, options, "random", 40).outcome.step_time);
  }
}

TEST(Hdp, DocumentListsEverySettingWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/hdp.md");
  HdpMethod method = hdp_defaults();
  for (const auto& [name, value] : settings_of(method).list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

}  // namespace
}  // namespace placer::policy
