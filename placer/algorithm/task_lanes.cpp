#include "placer/algorithm/task_lanes.h"

#include <algorithm>

#include "placer/base/parallel.h"

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

std::vector<SearchResult> TaskLanes::run(std::span<const SearchTask> tasks,
                                         const std::function<void(const SearchResult&)>& ended) {
  while (problem_.make_evaluator && evaluators_.size() < std::min(lanes_, tasks.size())) {
    evaluators_.push_back(problem_.make_evaluator());
  }
  std::vector<SearchResult> results(tasks.size());
  run_in_parallel(tasks.size(), lanes_, [&](std::size_t i, std::size_t lane) {
    results[i] = run_one(tasks[i], evaluators_.empty() ? problem_.evaluator : *evaluators_[lane]);
    if (ended) {
      ended(results[i]);
    }
  });
  return results;
}

}  // namespace placer
