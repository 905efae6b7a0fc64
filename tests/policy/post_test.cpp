#include "policy/post.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/core_register.h"
#include "simulator/simulator.h"
#include "tests/policy/learning_graphs.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LearningCase;
using test::LoadAndCut;
using test::TestProblem;

TestProblem nine_cells() {
  return TestProblem(test::grid(3, 3, 50, 100), {.devices = 3});
}

SearchOptions options_with(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  return options;
}

std::unique_ptr<Algorithm> post() {
  AlgorithmRegistry registry;
  register_core_policies(registry);
  return registry.find("post").make();
}

SearchResult run(const TestProblem& problem, const SearchOptions& options,
                 std::size_t max_ops = 1000) {
  LoadAndCut evaluator(problem.costs(), 10, max_ops);
  return post()->run(problem.with(evaluator), options);
}

void expect_same(const SearchResult& a, const SearchResult& b) {
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.outcome.step_time, b.outcome.step_time);
  EXPECT_EQ(a.evaluations, b.evaluations);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].evaluations, b.history[i].evaluations);
    EXPECT_EQ(a.history[i].best, b.history[i].best);
  }
}

// A learner of `problem`, by itself.
class PostLearner : public testing::Test {
 protected:
  std::unique_ptr<Learner> make(const PostMethod& method = post_defaults()) {
    return make_post_learner(problem_.with(evaluator_), method);
  }
  static std::vector<Proposal> draw(Learner& learner, std::size_t count, std::uint64_t seed = 1) {
    std::vector<Rng> rngs;
    for (std::size_t k = 0; k < count; ++k) rngs.emplace_back(seed * 1'000'000 + k);
    return learner.sample(rngs);
  }

  TestProblem problem_ = nine_cells();
  LoadAndCut evaluator_{problem_.costs()};
};

TEST_F(PostLearner, UnitsStayTogetherAndForbiddenDevicesAreNeverDrawn) {
  problem_.constraints().allowed[4] = 0b100;
  problem_.constraints().allowed[0] = 0b011;
  problem_.constraints().unit_of = {0, 1, 2, 3, 4, 5, 6, 7, 1};  // the last op with the second
  problem_.constraints().num_units = 8;
  const auto learner = make();
  for (const Proposal& proposal : draw(*learner, 500)) {
    EXPECT_EQ(proposal.placement.device[4], DeviceId{2});
    EXPECT_NE(proposal.placement.device[0], DeviceId{2});
    EXPECT_EQ(proposal.placement.device[1], proposal.placement.device[8]);
  }
}

TEST_F(PostLearner, ImitatesUntilItIsNearEnough) {
  const auto learner = make();
  const Placement wanted = all_on(problem_.graph(), DeviceId{1});
  const Proposal proposal = learner->proposal_of(wanted).value();
  EXPECT_EQ(proposal.placement, wanted);
  int steps = 0;
  while (learner->imitate({&proposal, 1}, 0.1).loss >= 0.1) ASSERT_LT(++steps, 200);
  std::size_t there = 0;
  for (const Proposal& drawn : draw(*learner, 100)) {
    there += static_cast<std::size_t>(std::ranges::count(drawn.placement.device, DeviceId{1}));
  }
  EXPECT_GT(there, 800U);  // of 900; exp(-0.1) = 0.9 in the geometric mean
}

// A policy that only does cross-entropy steps, one after every ten samples: one elite. After one,
// its devices have 0.3 * 1/3 + 0.7 = 0.8 each.
TEST_F(PostLearner, EliteIsTheBestOfAllSamplesSinceTheLastStep) {
  PostMethod method = post_defaults();
  method.first = {};
  method.training.k = 5;
  method.training.lr = 1e-8;
  method.cross_entropy = {.every = 2, .elite = 0.1, .keep = 0.3, .moves = 0};
  const auto learner = make(method);
  std::optional<Proposal> best;
  Outcome best_outcome;
  for (std::uint64_t update = 0; update < 2; ++update) {
    const auto proposals = draw(*learner, 5, update);
    std::vector<Outcome> outcomes(5);
    for (std::size_t k = 0; k < 5; ++k) {
      outcomes[k] = evaluator_.evaluate_one(proposals[k].placement);
      if (best && !better(outcomes[k], best_outcome)) continue;
      best = proposals[k];
      best_outcome = outcomes[k];
    }
    const std::vector<double> advantages(5, 0.0);
    EXPECT_TRUE(learner->teach({.advantages = advantages, .outcomes = outcomes}).applied);
  }
  std::size_t same = 0;
  for (const Proposal& drawn : draw(*learner, 2000, 7)) {
    for (std::size_t v = 0; v < 9; ++v) {
      same += drawn.placement.device[v] == best->placement.device[v] ? 1 : 0;
    }
  }
  EXPECT_NEAR(static_cast<double>(same) / 18'000, 0.8, 0.01);
}

// What has no elite yet keeps no room for one.
TEST_F(PostLearner, KeepsAsMuchAsThereIs) {
  PostMethod method = post_defaults();
  method.cross_entropy.every = 1'000'000;
  const std::unique_ptr<Learner> learner = make(method);
  for (const Blob& blob : learner->optimizer_state()) EXPECT_LT(blob.bytes.size(), 1000U);
}

// A cross-entropy step that keeps nothing of the old probabilities leaves no choice: no explosion.
TEST(Post, IsSureAfterAStepThatKeepsNothing) {
  SearchOptions options = options_with(800);
  options.parameters = {{"ce_keep", "0"}, {"ce_moves", "0"}, {"ce_elite", "0.001"}};
  EXPECT_EQ(run(nine_cells(), options).trouble, "");
}

TEST(Post, SpendsExactlyTheBudgetAndKeepsTheBestItSaw) {
  const TestProblem problem = nine_cells();
  const SearchResult result = run(problem, options_with(203));  // 12 updates of 16 and 11 more
  EXPECT_EQ(result.evaluations, 203U);
  ASSERT_TRUE(result.best.has_value());
  LoadAndCut evaluator(problem.costs());
  EXPECT_EQ(evaluator.evaluate_one(*result.best).step_time, result.outcome.step_time);
}

TEST(Post, SameSeedSameSearchOtherSeedAnother) {
  const TestProblem problem = nine_cells();
  expect_same(run(problem, options_with(400)), run(problem, options_with(400)));
  SearchOptions other = options_with(16);
  other.seed = 4;
  EXPECT_NE(run(problem, options_with(16)).best, run(problem, other).best);
}

// At most 3 ops fit a device, so that few random placements of nine ops are feasible: 1680 / 3^9.
// With fewer ops drawn anew than by default, which is for graphs of more than nine.
TEST(Post, LearnsWhatFits) {
  const TestProblem problem = nine_cells();
  std::vector<nlohmann::json> lines;
  SearchOptions options = options_with(3200);
  options.parameters = {{"runs", "0"}, {"restart_after", "0"}, {"ce_moves", "0.5"}};
  options.metrics = [&](const std::string& line) { lines.push_back(nlohmann::json::parse(line)); };
  ASSERT_TRUE(run(problem, options, 3).best.has_value());
  ASSERT_EQ(lines.size(), 200U);
  int early = 0;
  int late = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    early += lines[i].at("feasible").get<int>();
    late += lines[lines.size() - 1 - i].at("feasible").get<int>();
  }
  EXPECT_GT(late, 2 * early);
}

TEST(Post, NothingFitsIsAResult) {
  const SearchResult result = run(nine_cells(), options_with(80), 2);
  EXPECT_FALSE(result.best.has_value());
  EXPECT_EQ(result.evaluations, 80U);
}

TEST(Post, WarmStartBeginsNearTheInitialPlacement) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(33);
  options.initial = {all_on(problem.graph(), DeviceId{2})};
  options.parameters = {{"warm_start", "on"}};
  std::vector<double> entropy;
  options.metrics = [&](const std::string& line) {
    entropy.push_back(nlohmann::json::parse(line).at("entropy"));
  };
  const SearchResult result = run(problem, options);
  EXPECT_EQ(result.history.front().best, (SimTime{450'000'000}));  // nine cells of 50 us
  EXPECT_LT(entropy.front(), 0.8 * std::log(3.0));
}

// Medians of five seeds, after 1,000 evaluations each.
class PostOnGraph : public testing::TestWithParam<LearningCase> {};

TEST_P(PostOnGraph, BeatsRandomSearchAtEqualEvaluations) {
  const TestProblem problem = test::learning_problem(GetParam());
  const auto simulator = sim::make_simulator(problem.costs(), {});
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_core_policies(registry);
  const auto median = [&](const char* name, const char* runs) {
    std::vector<std::int64_t> best;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SearchOptions options = options_with(1000);
      options.seed = seed;
      if (runs != nullptr) options.parameters = {{"runs", runs}};
      best.push_back(
          registry.find(name).make()->run(problem.with(*simulator), options).outcome.step_time.ps);
    }
    std::ranges::nth_element(best, best.begin() + 2);
    return best[2];
  };
  EXPECT_LT(median("post", nullptr), median("random", nullptr));
  EXPECT_LT(median("post", "0"), median("random", nullptr));  // from a uniform policy too
}

INSTANTIATE_TEST_SUITE_P(Graphs, PostOnGraph, testing::ValuesIn(test::learning_cases()),
                         [](const auto& instance) { return instance.param.name; });

class PostCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = testing::TempDir() + "post_" + test->name();
    other_path_ = path_ + "_other";
    TearDown();
  }
  void TearDown() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(other_path_);
  }

  std::string path_;
  std::string other_path_;
};

// 160 evaluations are ten updates: half-way to the third cross-entropy step.
TEST_F(PostCheckpoint, ResumedSearchIsBitIdenticalToOneNeverStopped) {
  const TestProblem problem = nine_cells();
  // How much is left of a budget decides whether a policy is given up.
  SearchOptions whole = options_with(4000);
  whole.parameters = {{"restart_after", "0"}};
  whole.checkpoint = other_path_;
  const SearchResult expected = run(problem, whole);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{160}, std::uint64_t{1003}}) {
    std::filesystem::remove(path_);
    SearchOptions options = whole;
    options.budget.evaluations = first;
    options.checkpoint = path_;
    static_cast<void>(run(problem, options));
    options.budget.evaluations = 4000;
    expect_same(run(problem, options), expected);
    EXPECT_EQ(read_checkpoint(path_).blobs, read_checkpoint(other_path_).blobs) << first;
  }
}

// Killed in its second round.
TEST_F(PostCheckpoint, KilledSearchGoesOnFromItsLastCheckpoint) {
  const TestProblem problem = nine_cells();
  const SearchResult expected = run(problem, options_with(4000));
  SearchOptions options = options_with(4000);
  options.checkpoint = path_;
  options.parameters = {{"checkpoint_updates", "10"}};
  options.metrics = [&](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 97) throw std::runtime_error("killed");
  };
  EXPECT_THROW(static_cast<void>(run(problem, options)), std::runtime_error);
  EXPECT_EQ(read_checkpoint(path_).state.updates, 90U);
  EXPECT_TRUE(read_checkpoint(path_).state.kept.has_value());
  options.metrics = nullptr;
  expect_same(run(problem, options), expected);
}

TEST_F(PostCheckpoint, DamagedNumbersAreRefused) {
  const TestProblem problem = nine_cells();
  SearchOptions options = options_with(96);  // six updates: an elite of those after the fourth
  options.checkpoint = path_;
  static_cast<void>(run(problem, options));
  const Checkpoint good = read_checkpoint(path_);
  const auto refused = [&](const std::string& name, const std::function<void(Blob&)>& damage) {
    Checkpoint bad = good;
    damage(*std::ranges::find(bad.blobs, name, &Blob::name));
    write_checkpoint(path_, bad);
    try {
      static_cast<void>(run(problem, options));
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kBadInput;
    }
    return false;
  };
  EXPECT_TRUE(refused("logits", [](Blob& blob) { std::swap(blob.shape[0], blob.shape[1]); }));
  EXPECT_TRUE(refused("logits", [](Blob& blob) { blob.name = "surplus"; }));
  const auto not_finite = [](Blob& blob) { std::fill_n(blob.bytes.begin(), 8, '\xFF'); };
  EXPECT_TRUE(refused("logits", not_finite));
  EXPECT_TRUE(refused("elite.ranks", not_finite));
  const auto huge = [](Blob& blob) {
    const double number = 1e6;
    std::memcpy(blob.bytes.data() + blob.bytes.size() - 8, &number, sizeof number);
  };
  EXPECT_TRUE(refused("elite.counts", huge));
  const auto no_device = [](Blob& blob) {
    const double number = 3;  // of three
    std::memcpy(blob.bytes.data(), &number, sizeof number);
  };
  EXPECT_TRUE(refused("elite.devices", no_device));
  write_checkpoint(path_, good);
  EXPECT_NO_THROW(static_cast<void>(run(problem, options)));
}

TEST(PostSettings, DocumentListsEveryOneWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/post.md");
  PostMethod method = post_defaults();
  Settings settings("post");
  describe(settings, method);
  for (const auto& [name, value] : settings.list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

}  // namespace
}  // namespace placer::policy
