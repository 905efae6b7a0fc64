#include "simulator/execution_order.h"

#include <algorithm>
#include <numeric>

namespace placer::sim {

ExecutionOrder::ExecutionOrder(const CompiledGraph& graph)
    : rank_(graph.num_nodes),
      order_(graph.num_nodes),
      ready_(graph.model.order == Order::kFixed ? graph.num_nodes : 1) {
  priority_.reserve(graph.num_nodes);
  if (graph.model.order != Order::kFixed) return;
  waiting_.resize(graph.num_nodes);
  by_rank_.resize(graph.num_nodes);
}

void ExecutionOrder::set(const CompiledGraph& graph, std::span<const std::int64_t> priority) {
  if (std::ranges::equal(priority_, priority)) return;
  priority_.assign(priority.begin(), priority.end());
  std::iota(order_.begin(), order_.end(), 0U);
  std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
    return priority[a] != priority[b] ? priority[a] > priority[b] : a < b;
  });
  invert();
  if (graph.model.order == Order::kFixed) make_topological(graph);
}

void ExecutionOrder::invert() {
  for (std::uint32_t i = 0; i < order_.size(); ++i) {
    rank_[order_[i]] = i;
  }
}

// Takes the node of lowest rank among those that wait for no other, again and again.
void ExecutionOrder::make_topological(const CompiledGraph& graph) {
  std::ranges::copy(order_, by_rank_.begin());
  for (std::uint32_t n = 0; n < graph.num_nodes; ++n) {
    waiting_[n] = graph.num_inputs(n);
    if (waiting_[n] == 0) ready_.insert(rank_[n]);
  }
  for (std::uint32_t& next : order_) {
    next = by_rank_[ready_.take_first()];
    const std::uint32_t first = graph.values[graph.nodes[next].first_value].first_edge;
    const std::uint32_t last = graph.values[graph.nodes[next + 1].first_value].first_edge;
    for (std::uint32_t e = first; e < last; ++e) {
      const std::uint32_t reader = graph.readers[e].node;
      if (--waiting_[reader] == 0) ready_.insert(rank_[reader]);
    }
  }
  invert();
}

}  // namespace placer::sim
