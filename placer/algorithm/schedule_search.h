#pragma once

// Branch and bound over schedules: which op starts next, and where.

#include <cstdint>
#include <limits>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/incumbent.h"

namespace placer {

// Enumerates the schedules of the ideal model (links carry any number of tensors at once, no op is
// slowed down by others) in which no op could start earlier with the same order on each device. A
// partial schedule is left when the longest remaining way or the remaining work says that no
// completion costs less than the incumbent. Every complete one is judged with priorities that give
// its order.
//
// That covers every step that an event simulator can make of a placement and a priority list: the
// order in which it starts the ops of each device is one of those enumerated, its priorities
// reproduce that step, and contention, memory and slow-down only add to the ideal time.
class ScheduleSearch {
 public:
  // All references outlive it.
  ScheduleSearch(const Problem& problem, Incumbent& incumbent);

  // True when everything was looked at: the incumbent's best is optimal. False: out of budget.
  [[nodiscard]] bool run();

 private:
  static constexpr std::uint8_t kUnplaced = 255;

  struct Candidate {
    std::int64_t bound;
    std::int64_t start;
    std::uint32_t node;
    DeviceId device;
  };
  struct Edge {
    TensorRef tensor;
    bool control = false;
  };

  void add_node(NodeId node);
  [[nodiscard]] bool explore(std::size_t scheduled);
  [[nodiscard]] bool judge();
  [[nodiscard]] bool follows(const Candidate& candidate) const;
  [[nodiscard]] std::vector<Candidate> candidates(std::size_t scheduled);
  [[nodiscard]] std::int64_t start(std::uint32_t node, DeviceId device) const;
  [[nodiscard]] std::int64_t travel(const Edge& edge, DeviceId from, DeviceId to) const;
  [[nodiscard]] std::int64_t bound_with(const Candidate& candidate);
  [[nodiscard]] std::int64_t time(std::uint32_t node, DeviceId device) const {
    return times_[node * devices_ + index(device)];
  }
  [[nodiscard]] bool may_use(std::uint32_t node, DeviceId device) const;
  void place(const Candidate& candidate);
  void take_back(const Candidate& candidate, std::int64_t free_before);
  [[nodiscard]] std::int64_t incumbent_cost() const;

  const Problem& problem_;
  const CostModel& costs_;
  const Graph& graph_;
  Incumbent& incumbent_;
  std::size_t devices_;
  std::vector<std::uint32_t> steps_;      // nodes to schedule: all but outputs
  std::vector<bool> settled_;             // [nodes]: there before the step
  std::vector<std::vector<Edge>> edges_;  // [nodes]: what it waits for
  std::vector<std::int64_t> times_;       // [nodes x devices]
  std::vector<std::int64_t> tail_;        // [nodes]: least time from its start to the end
  std::vector<std::int64_t> least_;       // [nodes]: least time of it

  std::vector<std::int64_t> end_;        // [nodes]
  std::vector<std::int64_t> earliest_;   // [nodes]: least start of those not scheduled
  std::vector<std::uint8_t> device_of_;  // [units]: kUnplaced until one of its nodes is scheduled
  std::vector<std::uint32_t> placed_in_unit_;  // [units]
  std::vector<bool> done_;                     // [nodes]
  std::vector<std::int64_t> free_;             // [devices]
  std::vector<std::uint32_t> order_;           // as scheduled
  std::int64_t now_ = 0;                       // start of the last one
  std::int64_t remaining_work_ = 0;            // least time of what is not scheduled
};

}  // namespace placer
