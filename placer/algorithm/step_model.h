#pragma once

// The step time of a device per task, by the rules of the event simulator (docs/simulator.md) save
// memory and what peers of a pool slow down: what a search over contracted graphs, which no
// evaluator knows, is guided by. What it finds is judged on the problem's own graph.

#include <compare>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "placer/algorithm/task_graph.h"
#include "placer/base/min_heap.h"

namespace placer {

class StepModel {
 public:
  // Keeps a reference to `graph`.
  explicit StepModel(const TaskGraph& graph);

  // Step time in picoseconds; each device runs the ready task that comes first in `order`.
  //   device  [tasks]
  //   order   [tasks]; empty: by_rank()
  //   cost    O((V + E) log V)
  [[nodiscard]] std::int64_t run(std::span<const std::uint8_t> device,
                                 std::span<const std::uint32_t> order = {});

  // Of the last run.
  [[nodiscard]] std::span<const std::int64_t> start() const { return start_; }

  // Tasks by falling mean upward rank: a topological order, in which list schedulers take them.
  [[nodiscard]] std::span<const std::uint32_t> by_rank() const { return by_rank_; }

 private:
  struct Event {
    std::int64_t time = 0;
    std::uint64_t key = 0;  // ends of tasks before arrivals; then the task, or value and device
    auto operator<=>(const Event&) const = default;
  };
  static constexpr std::uint64_t kArrival = std::uint64_t{1} << 63;

  void become_ready(std::uint32_t task);
  void hand_out(std::uint32_t task);
  void handle(const Event& event);
  std::int64_t send(std::uint32_t value, std::uint32_t from, std::uint32_t to);
  void start_tasks();

  const TaskGraph& graph_;
  std::vector<std::uint32_t> by_rank_;    // [tasks]
  std::span<const std::uint32_t> order_;  // [tasks]: of this run
  std::vector<std::uint32_t> place_;      // [tasks]: position in order_
  std::vector<std::uint32_t> num_inputs_;

  std::span<const std::uint8_t> device_;
  std::int64_t now_ = 0;
  std::uint64_t idle_ = 0;
  std::vector<std::uint32_t> waiting_;
  std::vector<std::int64_t> start_;
  std::vector<MinHeap<std::uint32_t>> ready_;  // [devices]: places
  std::vector<std::int64_t> egress_free_;
  std::vector<std::int64_t> ingress_free_;
  std::vector<std::int64_t> bus_free_;
  MinHeap<Event> events_;
};

}  // namespace placer
