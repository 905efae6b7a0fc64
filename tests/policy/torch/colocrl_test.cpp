#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <omp.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/register.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/same_search.h"

namespace placer::policy {
namespace {

using test::expect_same;
using test::LoadAndCut;
using test::TestProblem;

std::unique_ptr<Algorithm> colocrl() {
  AlgorithmRegistry registry;
  register_policies(registry);
  return registry.find("colocrl").make();
}

TestProblem nine_cells() {
  return TestProblem(test::grid(3, 3, 50, 100), {.devices = 3});
}

SearchOptions options_with(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  options.parameters = {{"hidden", "8"}, {"lr", "0.01"}};
  return options;
}

SearchResult run(const TestProblem& problem, const SearchOptions& options,
                 std::size_t max_ops = 1000) {
  LoadAndCut evaluator(problem.costs(), 10, max_ops);
  return colocrl()->run(problem.with(evaluator), options);
}

class ColocrlCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "colocrl_" + test->name();
    std::filesystem::remove(path_);
    other_path_ = path_ + "_other";
    std::filesystem::remove(other_path_);
  }
  void TearDown() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(other_path_);
  }

  std::string path_;
  std::string other_path_;
};

TEST(Colocrl, SpendsExactlyTheBudgetAndKeepsTheBestItSaw) {
  const TestProblem problem = nine_cells();
  const SearchResult result = run(problem, options_with(203));  // 25 updates of 8 and 3 more
  EXPECT_EQ(result.evaluations, 203U);
  ASSERT_TRUE(result.best.has_value());
  LoadAndCut evaluator(problem.costs());
  EXPECT_EQ(evaluator.evaluate_one(*result.best).step_time, result.outcome.step_time);
  EXPECT_EQ(result.history.back().best, result.outcome.step_time);
}

TEST(Colocrl, SameSeedSameSearchOnAnyNumberOfThreads) {
  const TestProblem problem = nine_cells();
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const SearchResult one = run(problem, options_with(160));
  omp_set_num_threads(2);
  const SearchResult two = run(problem, options_with(160));
  EXPECT_EQ(omp_get_max_threads(), 2);  // the search leaves the caller's setting
  omp_set_num_threads(before);
  expect_same(one, two);
}

TEST(Colocrl, SeedsDiffer) {
  const TestProblem problem = nine_cells();
  SearchOptions other = options_with(16);
  other.seed = 4;
  EXPECT_NE(run(problem, options_with(16)).best, run(problem, other).best);
}

TEST(Colocrl, ConstraintsAreKept) {
  TestProblem problem = nine_cells();
  problem.constraints().allowed[4] = 0b100;
  problem.constraints().allowed[0] = 0b011;
  const SearchResult result = run(problem, options_with(80));
  EXPECT_EQ(result.best.value().device[4], DeviceId{2});
  EXPECT_NE(result.best.value().device[0], DeviceId{2});
}

TEST(Colocrl, OnlyOnePlacementIsLeftSoOneIsEvaluated) {
  TestProblem problem = nine_cells();
  for (auto& mask : problem.constraints().allowed) mask = 0b010;
  const SearchResult result = run(problem, options_with(80));
  EXPECT_EQ(result.evaluations, 1U);
  EXPECT_EQ(result.best, all_on(problem.graph(), DeviceId{1}));
}

// At most 3 ops fit a device, so that few random placements of nine ops are feasible.
TEST(Colocrl, LearnsWhatFits) {
  const TestProblem problem = nine_cells();
  std::vector<nlohmann::json> lines;
  SearchOptions options = options_with(3200);
  options.metrics = [&](const std::string& line) { lines.push_back(nlohmann::json::parse(line)); };
  ASSERT_TRUE(run(problem, options, 3).best.has_value());
  ASSERT_EQ(lines.size(), 400U);
  int early = 0;
  int late = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    early += lines[i].at("feasible").get<int>();
    late += lines[lines.size() - 1 - i].at("feasible").get<int>();
  }
  EXPECT_GT(late, 2 * early);
  EXPECT_EQ(lines.back().at("rollbacks"), 0);
}

TEST(Colocrl, NothingFitsIsAResult) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(80);
  options.parameters.emplace_back("feasible_only_after", "3");
  const SearchResult result = run(problem, options, 2);
  EXPECT_FALSE(result.best.has_value());
  EXPECT_FALSE(result.outcome.feasible());
  EXPECT_EQ(result.evaluations, 80U);
}

TEST(Colocrl, MetricsHaveTheKeysOfMetricsFiles) {
  const TestProblem problem = nine_cells();
  std::vector<nlohmann::json> lines;
  SearchOptions options = options_with(24);
  options.metrics = [&](const std::string& line) { lines.push_back(nlohmann::json::parse(line)); };
  static_cast<void>(run(problem, options));
  ASSERT_EQ(lines.size(), 3U);
  for (const char* key : {"wall_time", "reward_mean", "best_step_time_ms", "sample_mean_ms",
                          "loss_policy", "entropy", "grad_norm", "lr"}) {
    EXPECT_TRUE(lines[2].at(key).is_number()) << key;
  }
  EXPECT_EQ(lines[2].at("step"), 3);
  EXPECT_EQ(lines[2].at("evaluations"), 24);
}

// The initial placement is evaluated first and imitated, so that the first samples are mostly near
// it.
TEST(Colocrl, WarmStartBeginsNearTheInitialPlacement) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(41);
  options.initial = {all_on(problem.graph(), DeviceId{2})};
  options.parameters.emplace_back("warm_start", "on");
  double warm = 0;
  options.metrics = [&](const std::string& line) {
    warm = nlohmann::json::parse(line).at("entropy");
  };
  const SearchResult result = run(problem, options);
  EXPECT_EQ(result.history.front().evaluations, 1U);
  EXPECT_EQ(result.history.front().best, (SimTime{450'000'000}));  // nine cells of 50 us
  EXPECT_LT(warm, 0.8 * std::log(3.0));
}

TEST(Colocrl, InitialPlacementsAreIgnoredUnlessAskedFor) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(40);
  options.initial = {all_on(problem.graph(), DeviceId{2})};
  expect_same(run(problem, options), run(problem, options_with(40)));
}

// Local search from each sample counts against the budget, and what it finds is learned.
TEST(Colocrl, RefinedSamplesTeach) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(400);
  options.parameters.emplace_back("refine", "0.05");
  options.parameters.emplace_back("refine_moves", "0.5");
  double entropy = 0;
  options.metrics = [&](const std::string& line) {
    entropy = nlohmann::json::parse(line).at("entropy");
  };
  const SearchResult result = run(problem, options);
  EXPECT_EQ(result.evaluations, 400U);
  EXPECT_LT(entropy, 0.999 * std::log(3.0));
  expect_same(run(problem, options), result);
}

TEST(Colocrl, UnknownParameterIsAUsageError) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(8);
  options.parameters.emplace_back("depth", "2");
  EXPECT_THROW(static_cast<void>(run(problem, options)), Error);
}

// Stops after 160 evaluations as a smaller budget would, then goes on to 400; 163 leaves three
// placements that no update used.
TEST_F(ColocrlCheckpoint, ResumedSearchIsBitIdenticalToOneNeverStopped) {
  const TestProblem problem = nine_cells();
  SearchOptions whole = options_with(400);
  whole.checkpoint = other_path_;
  const SearchResult expected = run(problem, whole);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{160}, std::uint64_t{163}}) {
    std::filesystem::remove(path_);
    SearchOptions options = options_with(first);
    options.checkpoint = path_;
    static_cast<void>(run(problem, options));
    options.budget.evaluations = 400;
    expect_same(run(problem, options), expected);
    const Checkpoint resumed = read_checkpoint(path_);
    const Checkpoint uninterrupted = read_checkpoint(other_path_);
    EXPECT_EQ(resumed.blobs, uninterrupted.blobs) << "stopped after " << first;
    EXPECT_EQ(resumed.state.updates, 50U);
    EXPECT_EQ(resumed.state.baseline, uninterrupted.state.baseline);
  }
}

// A kill leaves the last checkpoint; everything since is done again.
TEST_F(ColocrlCheckpoint, KilledSearchGoesOnFromItsLastCheckpoint) {
  const TestProblem problem = nine_cells();
  const SearchResult expected = run(problem, options_with(400));
  SearchOptions options = options_with(400);
  options.checkpoint = path_;
  options.parameters.emplace_back("checkpoint_updates", "10");
  options.metrics = [&](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 27) throw std::runtime_error("killed");
  };
  EXPECT_THROW(static_cast<void>(run(problem, options)), std::runtime_error);
  EXPECT_EQ(read_checkpoint(path_).state.updates, 20U);
  options.metrics = nullptr;
  expect_same(run(problem, options), expected);
}

TEST_F(ColocrlCheckpoint, StopSavesWhatWasFoundAndIsReported) {
  const TestProblem problem = nine_cells();
  std::stop_source stop;
  SearchOptions options = options_with(400);
  options.checkpoint = path_;
  options.stop = stop.get_token();
  options.metrics = [&](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 13) stop.request_stop();
  };
  const SearchResult stopped = run(problem, options);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_EQ(stopped.evaluations, 13U * 8);
  options.stop = {};
  options.metrics = nullptr;
  expect_same(run(problem, options), run(problem, options_with(400)));
}

TEST_F(ColocrlCheckpoint, SecondsSpentBeforeTheStopCount) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(80);
  options.checkpoint = path_;
  static_cast<void>(run(problem, options));
  Checkpoint checkpoint = read_checkpoint(path_);
  checkpoint.state.result.seconds = 1000;
  write_checkpoint(path_, checkpoint);
  options.budget.evaluations.reset();
  options.budget.seconds = 900;
  const SearchResult result = run(problem, options);
  EXPECT_EQ(result.evaluations, 80U);
  EXPECT_GE(result.seconds, 1000);
}

TEST_F(ColocrlCheckpoint, ForeignAndDamagedFilesAreRefusedAndKept) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(80);
  options.checkpoint = path_;
  static_cast<void>(run(problem, options));
  const std::string good = read_file(path_);

  const auto refused = [&](const TestProblem& of, const SearchOptions& with) {
    const std::string before = read_file(path_);
    try {
      static_cast<void>(run(of, with));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      EXPECT_EQ(read_file(path_), before);
      return true;
    }
    return false;
  };
  SearchOptions other_seed = options;
  other_seed.seed = 99;
  EXPECT_TRUE(refused(problem, other_seed));
  SearchOptions other_lr = options;
  other_lr.parameters.back().second = "0.02";
  EXPECT_TRUE(refused(problem, other_lr));
  EXPECT_TRUE(refused(TestProblem(test::grid(3, 2, 50, 100), {.devices = 3}), options));
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  write_file(path_, flipped);
  EXPECT_TRUE(refused(problem, options));
  write_file(path_, good.substr(0, good.size() - 64));
  EXPECT_TRUE(refused(problem, options));
}

TEST_F(ColocrlCheckpoint, TensorsOfAnotherShapeOrNotFiniteAreRefused) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(80);
  options.checkpoint = path_;
  static_cast<void>(run(problem, options));
  const Checkpoint good = read_checkpoint(path_);
  const auto refused = [&](Checkpoint bad) {
    write_checkpoint(path_, bad);
    try {
      static_cast<void>(run(problem, options));
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kBadInput;
    }
    return false;
  };
  Checkpoint bad = good;
  std::swap(bad.blobs[0].shape[0], bad.blobs[0].shape[1]);
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.blobs[3].name = "surplus";
  EXPECT_TRUE(refused(bad));
  bad = good;
  for (std::size_t i = 0; i < 4; ++i) bad.blobs[1].bytes[i] = '\xFF';  // a NaN
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.state.result.best->device.pop_back();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.state.round.elites.at(0).proposal.placement.device.at(0) = DeviceId{3};  // of three
  EXPECT_TRUE(refused(bad));
}

// Three ops on two devices are learned at once; then nothing better is found, the policy starts
// anew, and the learned weights are kept.
TEST_F(ColocrlCheckpoint, FruitlessPolicyStartsAnewAndIsKept) {
  const TestProblem problem = test::three_ops();
  SearchOptions options = options_with(4000);
  options.parameters = {{"hidden", "8"},         {"lr", "0.03"},  {"entropy", "0.01"},
                        {"entropy_end", "0.01"}, {"elites", "1"}, {"restart_after", "100"}};
  options.checkpoint = path_;
  const SearchResult whole = run(problem, options);
  const Checkpoint end = read_checkpoint(path_);
  EXPECT_GE(end.state.round_number, 1U);
  ASSERT_TRUE(end.state.kept.has_value());

  // Killed in a later round, it goes on the same.
  std::filesystem::remove(path_);
  options.parameters.emplace_back("checkpoint_updates", "7");
  options.metrics = [&](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 470) throw std::runtime_error("killed");
  };
  EXPECT_THROW(static_cast<void>(run(problem, options)), std::runtime_error);
  EXPECT_GE(read_checkpoint(path_).state.round_number, 1U);
  options.metrics = nullptr;
  expect_same(run(problem, options), whole);
  EXPECT_EQ(read_checkpoint(path_).blobs, end.blobs);

  // A search that starts from it gets the learned policy, not the one that has just begun.
  SearchOptions second = options_with(8);
  second.parameters = {{"hidden", "8"}, {"policy", path_}};
  double entropy = 1;
  second.metrics = [&](const std::string& line) {
    entropy = nlohmann::json::parse(line).at("entropy");
  };
  static_cast<void>(run(problem, second));
  EXPECT_LT(entropy, 0.1 * std::log(2.0));
}

TEST_F(ColocrlCheckpoint, RestartsCanBeTurnedOff) {
  const TestProblem problem = test::three_ops();
  SearchOptions options = options_with(4000);
  options.parameters = {{"hidden", "8"},
                        {"lr", "0.03"},
                        {"entropy", "0.01"},
                        {"entropy_end", "0.01"},
                        {"restart_after", "0"}};
  options.checkpoint = path_;
  static_cast<void>(run(problem, options));
  EXPECT_EQ(read_checkpoint(path_).state.round_number, 0U);
}

// The weights go over, the search starts anew: what was learned shows in the first samples.
TEST_F(ColocrlCheckpoint, LearnedPolicyStartsAnotherSearch) {
  const TestProblem problem = nine_cells();
  SearchOptions first = options_with(3200);
  first.checkpoint = path_;
  static_cast<void>(run(problem, first));
  SearchOptions second = options_with(8);
  second.seed = 77;
  second.parameters.emplace_back("policy", path_);
  double fine_tuned = 0;
  second.metrics = [&](const std::string& line) {
    fine_tuned = nlohmann::json::parse(line).at("reward_mean");
  };
  static_cast<void>(run(problem, second));
  SearchOptions fresh = options_with(8);
  fresh.seed = 77;
  double untrained = 0;
  fresh.metrics = [&](const std::string& line) {
    untrained = nlohmann::json::parse(line).at("reward_mean");
  };
  static_cast<void>(run(problem, fresh));
  EXPECT_GT(fine_tuned, untrained);
}

}  // namespace
}  // namespace placer::policy
