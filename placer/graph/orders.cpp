#include "placer/graph/orders.h"

#include <algorithm>

#include "placer/base/error.h"

namespace placer {

std::vector<SimTime> upward_ranks(const Graph& graph, std::span<const SimTime> node_time,
                                  const std::function<SimTime(NodeId, const Use&)>& edge_time) {
  PLACER_CHECK(node_time.size() == graph.size(), "a time per node");
  std::vector<SimTime> rank(graph.size());
  for (std::size_t i = graph.size(); i-- > 0;) {
    const NodeId id = id_at<NodeId>(i);
    SimTime rest;
    for (const Use& use : graph.uses(id)) {
      const SimTime edge = edge_time ? edge_time(id, use) : SimTime{};
      rest = std::max(rest, edge + rank[index(use.consumer)]);
    }
    rank[i] = node_time[i] + rest;
  }
  return rank;
}

std::vector<NodeId> critical_path(const Graph& graph, std::span<const SimTime> node_time) {
  const std::vector<SimTime> rank = upward_ranks(graph, node_time, nullptr);
  std::vector<NodeId> path;
  auto at = static_cast<std::size_t>(std::max_element(rank.begin(), rank.end()) - rank.begin());
  for (;;) {
    const NodeId id = id_at<NodeId>(at);
    path.push_back(id);
    const SimTime rest = rank[at] - node_time[at];
    const auto uses = graph.uses(id);
    const auto next = std::find_if(uses.begin(), uses.end(), [&](const Use& use) {
      return rank[index(use.consumer)] == rest;
    });
    if (next == uses.end()) {
      return path;
    }
    at = index(next->consumer);
  }
}

}  // namespace placer
