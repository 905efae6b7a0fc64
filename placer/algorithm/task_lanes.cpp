#include "placer/algorithm/task_lanes.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

namespace placer {
namespace {

// Judges a limited number of placements.
class LimitedEvaluator : public Evaluator {
 public:
  LimitedEvaluator(Evaluator& inner, std::uint64_t most)
      : inner_(inner), left_(most), most_(most) {}

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, placements.size()));
    inner_.evaluate(placements.first(count), results.first(count));
    left_ -= count;
    for (std::size_t i = count; i < placements.size(); ++i) {
      results[i] = Outcome{};
      Infeasible& spent = results[i].infeasible.emplace();
      spent.reason = InfeasibleReason::kTimeOut;
      spent.text = "the budget of evaluations was spent";
    }
  }
  [[nodiscard]] std::string name() const override { return inner_.name(); }
  [[nodiscard]] std::uint64_t spent() const { return most_ - left_; }

 private:
  Evaluator& inner_;
  std::uint64_t left_;
  std::uint64_t most_;
};

}  // namespace

TaskLanes::TaskLanes(const Problem& problem, std::size_t threads)
    : problem_(problem), lanes_(problem.make_evaluator ? std::max<std::size_t>(threads, 1) : 1) {}

SearchResult TaskLanes::run_one(const SearchTask& task, Evaluator& evaluator) const {
  const auto run_with = [&](Evaluator& judge) {
    const Problem problem{.costs = problem_.costs,
                          .constraints = problem_.constraints,
                          .evaluator = judge,
                          .fine_graph = problem_.fine_graph,
                          .grouping = problem_.grouping,
                          .make_evaluator = problem_.make_evaluator};
    return task.make()->run(problem, task.options);
  };
  if (!task.most_evaluations) {
    return run_with(evaluator);
  }
  LimitedEvaluator limited(evaluator, *task.most_evaluations);
  SearchResult result = run_with(limited);
  result.evaluations = limited.spent();
  return result;
}

std::vector<SearchResult> TaskLanes::run(std::span<const SearchTask> tasks) {
  const std::size_t used = std::min(lanes_, tasks.size());
  while (problem_.make_evaluator && evaluators_.size() < used) {
    evaluators_.push_back(problem_.make_evaluator());
  }
  std::vector<SearchResult> results(tasks.size());
  std::vector<std::exception_ptr> problems(tasks.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&](Evaluator& evaluator) {
    for (std::size_t i = next++; i < tasks.size(); i = next++) {
      try {
        results[i] = run_one(tasks[i], evaluator);
      } catch (...) {
        problems[i] = std::current_exception();
      }
    }
  };
  if (!problem_.make_evaluator) {
    work(problem_.evaluator);
  } else {
    std::vector<std::jthread> threads;
    for (std::size_t lane = 0; lane < used; ++lane) {
      threads.emplace_back([&work, &evaluator = *evaluators_[lane]] { work(evaluator); });
    }
  }
  for (const std::exception_ptr& problem : problems) {
    if (problem) {
      std::rethrow_exception(problem);
    }
  }
  return results;
}

}  // namespace placer
