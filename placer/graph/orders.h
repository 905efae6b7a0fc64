#pragma once

// Ranks and paths over a graph, for any time per node and per edge.

#include <functional>
#include <span>
#include <vector>

#include "placer/base/units.h"
#include "placer/graph/graph.h"

namespace placer {

// Longest remaining time from the start of each node to the end of the step, [size]:
//   rank(v) = time(v) + max over uses (v -> s) of edge_time(v, use) + rank(s)
// With mean times this is HEFT's upward rank (Topcuoglu, Hariri, Wu, IEEE TPDS 2002, equation 8).
//   node_time  [size]
//   edge_time  called for every use; pass nullptr for free edges
[[nodiscard]] std::vector<SimTime> upward_ranks(
    const Graph& graph, std::span<const SimTime> node_time,
    const std::function<SimTime(NodeId, const Use&)>& edge_time);

// A longest path from a source to a sink by `node_time` with free edges, in order; ties to the
// lowest index.
[[nodiscard]] std::vector<NodeId> critical_path(const Graph& graph,
                                                std::span<const SimTime> node_time);

}  // namespace placer
