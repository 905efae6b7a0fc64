#include "policy/guided.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/refiner.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

class CountingEvaluator : public LoadAndCut {
 public:
  using LoadAndCut::LoadAndCut;
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    count += placements.size();
    LoadAndCut::evaluate(placements, results);
  }
  std::uint64_t count = 0;
};

SearchResult search(const TestProblem& problem, const SearchOptions& options,
                    const std::string& algorithm = "guided") {
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_guided(registry);
  CountingEvaluator evaluator(problem.costs());
  SearchResult result = registry.find(algorithm).make()->run(problem.with(evaluator), options);
  if (algorithm == "guided") {
    EXPECT_EQ(evaluator.count, result.evaluations);
  }
  return result;
}

TestProblem grid_of(std::size_t steps) {
  return TestProblem(test::grid(3, steps, 50, 100), {.devices = 3});
}

SearchOptions budget_of(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  return options;
}

TEST(Guided, SpendsExactlyTheBudgetWithEveryJudgedPlacementCounted) {
  const TestProblem problem = grid_of(4);
  for (const std::uint64_t budget : {1, 7, 30, 500}) {
    EXPECT_EQ(search(problem, budget_of(budget)).evaluations, budget);
  }
}

TEST(Guided, SameSeedSameSearch) {
  const TestProblem problem = grid_of(5);
  const SearchResult a = search(problem, budget_of(400));
  const SearchResult b = search(problem, budget_of(400));
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.history.size(), b.history.size());
}

TEST(Guided, ConstraintsAreKept) {
  TestProblem problem = grid_of(3);
  problem.constraints().allowed[4] = 0b100;
  problem.constraints().allowed[0] = problem.constraints().allowed[8] = 0b011;
  problem.constraints().unit_of = {0, 1, 2, 3, 4, 5, 6, 7, 0};
  problem.constraints().num_units = 8;
  const Placement best = search(problem, budget_of(300)).best.value();
  EXPECT_EQ(
      first_violation(problem.graph(), problem.costs().cluster(), problem.constraints(), best), "");
}

TEST(Guided, PlacementsGivenAreUsedUnlessWarmStartIsOff) {
  const TestProblem problem = grid_of(4);
  SearchOptions options = budget_of(1);
  options.initial = {all_on(problem.graph(), DeviceId{2})};
  EXPECT_EQ(search(problem, options).best, options.initial[0]);
  options.parameters = {{"warm_start", "off"}};
  EXPECT_NE(search(problem, options).best, options.initial[0]);
}

// A score instead of a time, and little that fits.
class Scored : public LoadAndCut {
 public:
  using LoadAndCut::LoadAndCut;
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    LoadAndCut::evaluate(placements, results);
    for (Outcome& outcome : results) {
      if (outcome.feasible()) outcome.score = outcome.step_time.ps / 1'000'000;
    }
  }
};

// Its samples do not fit at first, what they are refined from does.
TEST(Guided, LearnsScoresThatNoSampleHadYet) {
  const TestProblem problem = grid_of(4);
  AlgorithmRegistry registry;
  register_guided(registry);
  Scored evaluator(problem.costs(), 10, 4);
  SearchOptions options = budget_of(400);
  Placement split = all_on(problem.graph(), DeviceId{0});
  for (std::size_t v = 0; v < 12; ++v) split.device[v] = id_at<DeviceId>(v / 4);
  options.initial = {split};
  options.parameters = {{"k", "4"}, {"refine_moves", "1"}};
  options.metrics = [](const std::string& line) {
    const auto update = nlohmann::json::parse(line);
    EXPECT_LE(update.at("loss_policy").get<double>(), 100);
    EXPECT_GE(update.at("reward_mean").get<double>(), -10);
  };
  const SearchResult result = registry.find("guided").make()->run(problem.with(evaluator), options);
  EXPECT_EQ(result.trouble, "");
  EXPECT_TRUE(result.best.has_value());
}

TEST(Guided, BeatsRandomSearchAtEqualEvaluations) {
  const TestProblem problem = grid_of(10);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SearchOptions options = budget_of(500);
    options.seed = seed;
    EXPECT_LT(search(problem, options).outcome.step_time,
              search(problem, options, "random").outcome.step_time);
  }
}

TEST(Guided, KilledSearchGoesOnFromItsLastCheckpoint) {
  const TestProblem problem = grid_of(4);
  const std::string path = testing::TempDir() + "guided_killed";
  std::filesystem::remove(path);
  SearchOptions options = budget_of(600);
  options.parameters = {{"refine", "0.1"}, {"refine_moves", "1"}, {"checkpoint_updates", "2"}};
  const SearchResult expected = search(problem, options);
  options.checkpoint = path;
  options.metrics = [](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 5) throw std::runtime_error("killed");
  };
  EXPECT_THROW(static_cast<void>(search(problem, options)), std::runtime_error);
  EXPECT_EQ(read_checkpoint(path).state.updates, 4U);
  options.metrics = nullptr;
  AlgorithmRegistry registry;
  register_guided(registry);
  LoadAndCut evaluator(problem.costs());
  const SearchResult resumed =
      registry.find("guided").make()->run(problem.with(evaluator), options);
  EXPECT_EQ(resumed.best, expected.best);
  EXPECT_EQ(resumed.history.size(), expected.history.size());
  std::filesystem::remove(path);
}

TEST(Guided, DocumentListsEverySettingWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/guided.md");
  GuidedMethod method = guided_defaults();
  for (const auto& [name, value] : settings_of(method).list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

struct Drawing {
  explicit Drawing(const CategoricalParameters& parameters)
      : problem(test::three_ops()),
        evaluator(problem.costs()),
        whole(problem.with(evaluator)),
        learner(make_categorical_learner(whole, parameters)) {}

  TestProblem problem;
  LoadAndCut evaluator;
  Problem whole;
  std::unique_ptr<Learner> learner;
};

double probability_of(const Learner& learner, std::size_t entry) {
  double value = 0;
  std::memcpy(&value, learner.weights().front().bytes.data() + entry * sizeof value, sizeof value);
  return value;
}

// From 1/2: 0.5 + 0.4 * 0.5 * (1 - 0.5) = 0.6 with weight 0.5.
TEST(CategoricalLearner, ProbabilitiesMoveByRateTimesWeight) {
  const Drawing drawing({.rate = 0.4, .floor = 0});
  const Proposal shown{
      .placement = {.device = {DeviceId{1}, DeviceId{0}, DeviceId{1}}, .priority = {}},
      .latent = {}};
  Lesson lesson;
  lesson.refined = {shown};
  lesson.refined_weights = {0.5};
  EXPECT_NEAR(drawing.learner->teach(lesson).loss, 0.5 * std::log(2), 1e-9);
  EXPECT_DOUBLE_EQ(probability_of(*drawing.learner, 1), 0.6);
  EXPECT_DOUBLE_EQ(probability_of(*drawing.learner, 2), 0.6);
  drawing.learner->reset(1, 1);
  EXPECT_DOUBLE_EQ(probability_of(*drawing.learner, 1), 0.5);
}

TEST(CategoricalLearner, DrawsWhatItImitatesButForTheFloor) {
  const Drawing drawing({.rate = 1, .floor = 0.2});
  const Proposal shown{.placement = all_on(drawing.problem.graph(), DeviceId{1}), .latent = {}};
  static_cast<void>(drawing.learner->imitate({&shown, 1}, 0));
  std::vector<Rng> rngs;
  for (std::uint64_t k = 0; k < 2'000; ++k) rngs.emplace_back(k);
  int same = 0;
  for (const Proposal& proposal : drawing.learner->sample(rngs)) {
    same += proposal.placement.device[0] == DeviceId{1} ? 1 : 0;
  }
  EXPECT_NEAR(same / 2000.0, 0.9, 0.03);  // half of the floor's draws are that device too
}

TEST(CategoricalLearner, WeightsThatAreNoProbabilitiesAreRefused) {
  const Drawing drawing({});
  std::vector<Blob> blobs = drawing.learner->weights();
  drawing.learner->load_weights("file", blobs);
  const double bad = 1.5;
  std::memcpy(blobs[0].bytes.data(), &bad, sizeof bad);
  EXPECT_THROW(drawing.learner->load_weights("file", blobs), Error);
  blobs[0].shape = {6};
  EXPECT_THROW(drawing.learner->load_weights("file", blobs), Error);
  EXPECT_THROW(drawing.learner->load_weights("file", {}), Error);
}

TEST(Refiner, EndsNoWorseThanItsStartAndSaysWhatItFound) {
  const TestProblem problem = grid_of(6);
  LoadAndCut evaluator(problem.costs());
  const Problem whole = problem.with(evaluator);
  const SearchOptions options = budget_of(400);
  Incumbent incumbent(whole, options, "test");
  Refiner refiner(whole, incumbent, {});
  const Placement start = all_on(problem.graph(), DeviceId{0});
  Outcome outcome = evaluator.evaluate_one(start);
  const SimTime before = outcome.step_time;
  Rng rng(1);
  const Placement refined =
      refiner.refine(start, outcome, rng, {.fraction = 0.5, .least_moves = 10});
  EXPECT_LT(outcome.step_time, before);
  EXPECT_EQ(evaluator.evaluate_one(refined).step_time, outcome.step_time);
  EXPECT_EQ(incumbent.clock().spent(), 200U);
}

}  // namespace
}  // namespace placer::policy
