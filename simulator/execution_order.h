#pragma once

// Priorities as positions. Memory is taken once, so that a search may change priorities at every
// placement.

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/compiled_graph.h"
#include "simulator/ready_set.h"

namespace placer::sim {

class ExecutionOrder {
 public:
  explicit ExecutionOrder(const CompiledGraph& graph);

  // Higher priority first, ties by lower index; under Order::kFixed every node after those that it
  // waits for. Cheap where the priorities are those of the last call.
  //   cost  O(V log V); under Order::kFixed O(V log V + E)
  void set(const CompiledGraph& graph, std::span<const std::int64_t> priority);  // [nodes]

  [[nodiscard]] const std::vector<std::uint32_t>& rank() const { return rank_; }    // [nodes]
  [[nodiscard]] const std::vector<std::uint32_t>& order() const { return order_; }  // its inverse

 private:
  void invert();
  void make_topological(const CompiledGraph& graph);

  std::vector<std::int64_t> priority_;
  std::vector<std::uint32_t> rank_;
  std::vector<std::uint32_t> order_;
  // Of make_topological().
  std::vector<std::uint32_t> waiting_;
  std::vector<std::uint32_t> by_rank_;
  ReadySet ready_;
};

}  // namespace placer::sim
