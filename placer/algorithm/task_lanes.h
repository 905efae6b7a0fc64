#pragma once

// Runs of algorithms side by side, each on a thread with an evaluator of its own.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

struct SearchTask {
  std::string name;
  std::function<std::unique_ptr<Algorithm>()> make;
  SearchOptions options;
  // For algorithms that ignore the budget: judged so often, everything after that "cannot run".
  std::optional<std::uint64_t> most_evaluations = std::nullopt;
};

class TaskLanes {
 public:
  // As many lanes as `threads`, where the problem can make evaluators; else one, on the calling
  // thread. `problem` outlives it.
  TaskLanes(const Problem& problem, std::size_t threads);

  [[nodiscard]] std::size_t size() const { return lanes_; }
  // results[i] is of tasks[i], whatever ran when. Tasks are begun in order. Throws what the first
  // task that throws does, after all have ended.
  [[nodiscard]] std::vector<SearchResult> run(std::span<const SearchTask> tasks);

 private:
  [[nodiscard]] SearchResult run_one(const SearchTask& task, Evaluator& evaluator) const;

  const Problem& problem_;
  std::size_t lanes_;
  std::vector<std::unique_ptr<Evaluator>> evaluators_;  // of the lanes, made when first needed
};

}  // namespace placer
