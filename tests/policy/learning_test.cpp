// The learner against proven optima: within 1 % of the best placement that exists, with far fewer
// evaluations than random search.

#include <algorithm>
#include <iostream>

#include <gtest/gtest.h>

#include "placer/base/random.h"
#include "policy/register.h"
#include "simulator/simulator.h"
#include "tests/policy/optimum.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::TestCluster;
using test::TestOp;
using test::TestProblem;

constexpr int kSeeds = 10;
constexpr std::uint64_t kLearnerBudget = 30'000;
// Random search that has found nothing by then is counted as if it found it there.
constexpr std::uint64_t kRandomBudget = 120'000;

struct LearningCase {
  std::string name;
  std::vector<TestOp> ops;
};

// A source, four chains of 4 or 5 ops of 20 to 79 us, and an op that reads their ends.
std::vector<TestOp> fork_and_join() {
  std::vector<TestOp> ops = {{.micros = 5, .reads = {}, .bytes = 20'000}};
  Rng rng(11);
  std::vector<std::size_t> ends;
  for (std::size_t chain = 0; chain < 4; ++chain) {
    std::size_t previous = 0;
    for (std::size_t i = 0; i < 4 + chain % 2; ++i) {
      const auto micros = static_cast<std::int64_t>(20 + rng.below(60));
      ops.push_back({.micros = micros, .reads = {previous}, .bytes = 20'000});
      previous = ops.size() - 1;
    }
    ends.push_back(previous);
  }
  ops.push_back({.micros = 10, .reads = ends, .bytes = 4});
  return ops;
}

// 16 ops of 10 to 99 us; each but the first three reads one or two of those shortly before it.
std::vector<TestOp> random_graph() {
  std::vector<TestOp> ops;
  Rng rng(7);
  for (std::size_t i = 0; i < 16; ++i) {
    TestOp op;
    op.micros = static_cast<std::int64_t>(10 + rng.below(90));
    op.bytes = static_cast<std::int64_t>(1'000 + rng.below(40'000));
    if (i >= 3) {
      const std::size_t near = i - 1 - rng.below(std::min<std::size_t>(i, 5));
      op.reads.push_back(near);
      const std::size_t far = i - 1 - rng.below(std::min<std::size_t>(i, 6));
      if (far != near && rng.uniform() < 0.6) op.reads.push_back(far);
    }
    ops.push_back(std::move(op));
  }
  return ops;
}

// Counts evaluations up to the first that reaches the goal, and stops the search there.
class UntilGoal : public Evaluator {
 public:
  UntilGoal(Evaluator& inner, SimTime goal) : inner_(inner), goal_(goal) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    inner_.evaluate(placements, results);
    for (std::size_t i = 0; i < placements.size() && !reached_; ++i) {
      ++count_;
      reached_ = results[i].feasible() && results[i].step_time <= goal_;
    }
    if (reached_) stop_.request_stop();
  }
  [[nodiscard]] std::string name() const override { return inner_.name(); }

  [[nodiscard]] bool reached() const { return reached_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

 private:
  Evaluator& inner_;
  SimTime goal_;
  std::stop_source stop_;
  bool reached_ = false;
  std::uint64_t count_ = 0;
};

Placement uniform_placement(const TestProblem& problem, Rng& rng) {
  Placement placement;
  for (std::size_t v = 0; v < problem.graph().size(); ++v) {
    placement.device.push_back(id_at<DeviceId>(rng.below(problem.costs().cluster().size())));
  }
  return placement;
}

// A start for branch and bound: single changes that do not make it worse, from several random
// placements.
Placement climb(const TestProblem& problem, Evaluator& evaluator) {
  Rng rng(1);
  std::optional<Placement> best;
  SimTime best_time;
  for (int start = 0; start < 20; ++start) {
    Placement current = uniform_placement(problem, rng);
    SimTime time = evaluator.evaluate_one(current).step_time;
    for (int move = 0; move < 1'500; ++move) {
      Placement next = current;
      next.device[rng.below(next.device.size())] = id_at<DeviceId>(rng.below(4));
      const SimTime next_time = evaluator.evaluate_one(next).step_time;
      if (next_time <= time) {
        time = next_time;
        current = std::move(next);
      }
    }
    if (!best || time < best_time) {
      best = current;
      best_time = time;
    }
  }
  return *best;
}

UntilGoal search_randomly(const TestProblem& problem, Evaluator& simulator, SimTime goal,
                          std::uint64_t seed) {
  UntilGoal counter(simulator, goal);
  Rng rng(seed);
  std::vector<Placement> batch(64);
  std::vector<Outcome> outcomes(batch.size());
  while (!counter.reached() && counter.count() < kRandomBudget) {
    for (Placement& placement : batch) placement = uniform_placement(problem, rng);
    counter.evaluate(batch, outcomes);
  }
  return counter;
}

UntilGoal learn(const TestProblem& problem, Evaluator& simulator, SimTime goal,
                std::uint64_t seed) {
  UntilGoal counter(simulator, goal);
  AlgorithmRegistry registry;
  register_policies(registry);
  SearchOptions options;
  options.budget.evaluations = kLearnerBudget;
  options.seed = seed;
  options.stop = counter.stop();
  static_cast<void>(registry.find("colocrl").make()->run(problem.with(counter), options));
  return counter;
}

class Learning : public testing::TestWithParam<LearningCase> {};

TEST_P(Learning, ComesWithinOnePercentOfTheOptimumOnNineOfTenSeeds) {
  const TestProblem problem(GetParam().ops,
                            {.devices = 4, .latency_us = 5, .bytes_per_second = 2e9});
  ASSERT_GE(problem.graph().size(), 15U);
  const auto simulator = sim::make_simulator(problem.costs(), {});
  const test::Optimum optimum =
      test::find_optimum(problem.with(*simulator), climb(problem, *simulator));
  const SimTime goal{optimum.time.ps + optimum.time.ps / 100};
  int successes = 0;
  std::uint64_t learner = 0;
  std::uint64_t random = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const UntilGoal learned = learn(problem, *simulator, goal, seed);
    const UntilGoal drawn = search_randomly(problem, *simulator, goal, seed);
    successes += learned.reached() ? 1 : 0;
    learner += learned.count();
    random += drawn.count();
    std::cout << "seed " << seed << ": optimum " << to_string(optimum.time) << ", learner "
              << (learned.reached() ? "there" : "NOT there") << " after " << learned.count()
              << " evaluations, random search " << (drawn.reached() ? "" : "not ") << "after "
              << drawn.count() << std::endl;
  }
  EXPECT_GE(successes, 9);
  EXPECT_LE(3 * learner, random);  // summed over the seeds, those that failed included
}

INSTANTIATE_TEST_SUITE_P(Graphs, Learning,
                         testing::Values(LearningCase{"fork_and_join", fork_and_join()},
                                         LearningCase{"recurrent_grid",
                                                      test::grid(4, 4, 50, 10'000)},
                                         LearningCase{"random_graph", random_graph()}),
                         [](const auto& instance) { return instance.param.name; });

// Every placement of six ops on three devices, 3^6 = 729, against branch and bound.
TEST(Optimum, IsThatOfTryingEveryPlacement) {
  const TestProblem problem({{.micros = 10, .reads = {}, .bytes = 4'000},
                             {.micros = 25, .reads = {0}, .bytes = 9'000},
                             {.micros = 40, .reads = {0}, .bytes = 2'000},
                             {.micros = 15, .reads = {1}, .bytes = 8'000},
                             {.micros = 30, .reads = {2}, .bytes = 5'000},
                             {.micros = 20, .reads = {3, 4}, .bytes = 4}},
                            {.devices = 3, .latency_us = 2, .bytes_per_second = 1e9});
  const auto simulator = sim::make_simulator(problem.costs(), {});
  std::optional<SimTime> best;
  for (std::size_t code = 0; code < 729; ++code) {
    Placement placement;
    std::size_t rest = code;
    for (int v = 0; v < 6; ++v, rest /= 3) placement.device.push_back(id_at<DeviceId>(rest % 3));
    const SimTime time = simulator->evaluate_one(placement).step_time;
    if (!best || time < *best) best = time;
  }
  const Placement start = all_on(problem.graph(), DeviceId{});
  const test::Optimum optimum = test::find_optimum(problem.with(*simulator), start);
  EXPECT_EQ(optimum.time, *best);
  EXPECT_EQ(simulator->evaluate_one(optimum.placement).step_time, optimum.time);
  EXPECT_LT(*best, simulator->evaluate_one(start).step_time);
}

}  // namespace
}  // namespace placer::policy
