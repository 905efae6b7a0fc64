#pragma once

// What features of nodes are made of, in the graph's own units.

#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer::policy {

// Calls visit(node, member) for every op or other node that is inside a node of
// problem.costs.graph(), itself where the problem knows of none.
template <typename Visit>
void for_each_member(const Problem& problem, const Visit& visit) {
  if (problem.fine_graph != nullptr && problem.grouping != nullptr) {
    for (std::size_t v = 0; v < problem.fine_graph->size(); ++v) {
      visit(index(problem.grouping->group_of[v]), problem.fine_graph->nodes()[v]);
    }
  } else {
    const Graph& graph = problem.costs.graph();
    for (std::size_t v = 0; v < graph.size(); ++v) visit(v, graph.nodes()[v]);
  }
}

struct TypeCounts {
  std::vector<std::string> types;  // commonest first, at most `limit`; then the last is "other"
  std::vector<float> counts;       // [nodes, types]: members of that type
};
[[nodiscard]] TypeCounts count_types(const Problem& problem, std::size_t limit);

using Column = std::vector<double>;  // [nodes]

// Bytes of outputs and workspace of all members.
[[nodiscard]] Column memory_of_nodes(const Problem& problem);
// The last `max_dims` dimensions of the largest `max_outputs` outputs of each node, a column for
// each; 0 where there are fewer.
[[nodiscard]] std::vector<Column> output_dimensions(const Graph& graph, std::size_t max_outputs,
                                                    std::size_t max_dims);
// Microseconds on each kind of device, 0 where it does not run the node.
[[nodiscard]] std::vector<Column> times_by_kind(const CostModel& costs);

}  // namespace placer::policy
