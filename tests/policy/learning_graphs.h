#pragma once

// Graphs of 16 to 20 ops whose optimum can be proven, and what counts how soon a method finds it.

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "placer/base/random.h"
#include "placer/evaluate/evaluator.h"
#include "tests/policy/test_problem.h"

namespace placer::policy::test {

struct LearningCase {
  std::string name;
  std::vector<TestOp> ops;
};

// fork_and_join, recurrent_grid, random_graph.
[[nodiscard]] std::vector<LearningCase> learning_cases();
// Four devices.
[[nodiscard]] TestProblem learning_problem(const LearningCase& learning_case);

// Counts evaluations up to the first that reaches the goal, and stops the search there.
class UntilGoal : public Evaluator {
 public:
  UntilGoal(Evaluator& inner, SimTime goal) : inner_(inner), goal_(goal) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override;
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

// A start for branch and bound: single changes that do not make it worse, from several random
// placements.
[[nodiscard]] Placement climb(const TestProblem& problem, Evaluator& evaluator);

// Uniformly random placements until one reaches the goal, or `budget` are tried.
[[nodiscard]] UntilGoal search_randomly(const TestProblem& problem, Evaluator& evaluator,
                                        SimTime goal, std::uint64_t seed, std::uint64_t budget);

}  // namespace placer::policy::test
