#pragma once

// The order in which a list scheduler takes tasks, and how it turns into a placement's priorities
// and back. Steps are all tasks but sources, which exist before the step begins.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/task_graph.h"
#include "placer/placement/placement.h"

namespace placer::policy {

// What can be scheduled next.
class ReadyTasks {
 public:
  // Keeps a reference to `graph`.
  explicit ReadyTasks(const TaskGraph& graph);

  [[nodiscard]] std::size_t num_steps() const { return num_steps_; }
  // Begins anew; calls ready(task) for every step that waits for nothing, ascending.
  template <typename Ready>
  void begin(Ready ready) {
    waiting_ = waits_for_;
    for (const std::uint32_t task : first_) ready(task);
  }
  // The task has been scheduled: calls ready(task) for every one that now waits for nothing.
  template <typename Ready>
  void done(std::uint32_t task, Ready ready) {
    for (std::uint32_t v = graph_.first_value[task]; v < graph_.first_value[task + 1]; ++v) {
      for (std::uint32_t r = graph_.first_reader[v]; r < graph_.first_reader[v + 1]; ++r) {
        const std::uint32_t reader = graph_.reader[r];
        if (--waiting_[reader] == 0) ready(reader);
      }
    }
  }

 private:
  const TaskGraph& graph_;
  std::size_t num_steps_ = 0;
  std::vector<std::uint32_t> waits_for_;  // [tasks]: values of steps that it reads
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> waiting_;
};

// [tasks]: what is taken earlier runs first. Sources, which do not run, get the highest.
//   order  [steps]
[[nodiscard]] std::vector<std::int64_t> to_priority(const TaskGraph& graph,
                                                    std::span<const std::uint32_t> order);
// The other way round: steps by falling priority, ties by index.
[[nodiscard]] std::vector<std::uint32_t> to_order(const TaskGraph& graph,
                                                  std::span<const std::int64_t> priority);
// Steps as they start when the step runs with this placement: a topological order, whatever the
// placement's priorities, that leads to the same schedule.
[[nodiscard]] std::vector<std::uint32_t> order_of_starts(const TaskGraph& graph,
                                                         const Placement& placement);

}  // namespace placer::policy
