#include "tests/policy/learning_graphs.h"

#include <algorithm>
#include <optional>

namespace placer::policy::test {
namespace {

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

Placement uniform_placement(const TestProblem& problem, Rng& rng) {
  Placement placement;
  for (std::size_t v = 0; v < problem.graph().size(); ++v) {
    placement.device.push_back(id_at<DeviceId>(rng.below(problem.costs().cluster().size())));
  }
  return placement;
}

}  // namespace

std::vector<LearningCase> learning_cases() {
  return {{"fork_and_join", fork_and_join()},
          {"recurrent_grid", grid(4, 4, 50, 10'000)},
          {"random_graph", random_graph()}};
}

TestProblem learning_problem(const LearningCase& learning_case) {
  return TestProblem(learning_case.ops, {.devices = 4, .latency_us = 5, .bytes_per_second = 2e9});
}

void UntilGoal::evaluate(std::span<const Placement> placements, std::span<Outcome> results) {
  inner_.evaluate(placements, results);
  for (std::size_t i = 0; i < placements.size() && !reached_; ++i) {
    ++count_;
    reached_ = results[i].feasible() && results[i].step_time <= goal_;
  }
  if (reached_) stop_.request_stop();
}

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

UntilGoal search_randomly(const TestProblem& problem, Evaluator& evaluator, SimTime goal,
                          std::uint64_t seed, std::uint64_t budget) {
  UntilGoal counter(evaluator, goal);
  Rng rng(seed);
  std::vector<Placement> batch(64);
  std::vector<Outcome> outcomes(batch.size());
  while (!counter.reached() && counter.count() < budget) {
    for (Placement& placement : batch) placement = uniform_placement(problem, rng);
    counter.evaluate(batch, outcomes);
  }
  return counter;
}

}  // namespace placer::policy::test
