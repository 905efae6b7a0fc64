#pragma once

// What grouping starts from: the units of the constraints, divided where they would make a cycle.

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "placer/graph/graph.h"
#include "placer/placement/constraints.h"

namespace placer {

struct Atoms {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // [graph.size()]; kNone for the nodes of passive units: those without any op that waits for the
  // step to begin.
  std::vector<std::uint32_t> atom_of;
  std::vector<std::uint32_t> unit_of;  // [atoms]
  // Between atoms, as grouping.h defines the order; each once, from lower to higher: atoms are in
  // topological order.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;

  [[nodiscard]] std::size_t size() const { return unit_of.size(); }
};

// Calls visit(producer, use) for every edge that orders groups.
template <typename Visit>
void for_each_ordering_edge(const Graph& graph, const std::vector<bool>& settled, Visit visit) {
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (settled[v]) {
      continue;
    }
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      if (graph.node(use.consumer).kind != NodeKind::kOutput) {
        visit(id_at<NodeId>(v), use);
      }
    }
  }
}

// Units on a cycle are divided by how often the longest way to a node changes units: edges between
// the parts then go up in that count, so that no cycle is left.
[[nodiscard]] Atoms make_atoms(const Graph& graph, const Constraints& constraints,
                               const std::vector<bool>& settled);

}  // namespace placer
