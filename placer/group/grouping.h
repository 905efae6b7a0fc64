#pragma once

// Which nodes move together in a search. Groups are acyclic when contracted, so that a graph of groups is a graph again and every
// algorithm works on either.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/cost/op_times.h"
#include "placer/graph/graph.h"
#include "placer/placement/constraints.h"

namespace placer {

struct Grouping {
  std::vector<GroupId> group_of;  // [graph.size()]; groups are numbered in a topological order of the contracted graph
  std::size_t num_groups = 0;
};

struct GroupingOptions {
  std::size_t max_groups = 256;  // at most; fewer when the rules already merge more
};

// The published rules (Mirhoseini et al., ICML 2017, section 3.1 and appendix), in order, each only where no cycle of groups arises and
// members' allowed devices still intersect:
//   1. units of the constraints (colocation); state, inputs and constants go with their first reader,
//   2. a node all of whose outputs are read by one group moves with it, to a fixpoint,
//   3. nodes of one module path and pass, by unrolled cell,
//   4. until at most max_groups: the cheapest neighbouring pair, by the larger transfer first.
[[nodiscard]] Grouping group_nodes(const CostModel& costs, const Constraints& constraints, const GroupingOptions& options);

// Every unit of the constraints for itself.
[[nodiscard]] Grouping group_by_unit(const Graph& graph, const Constraints& constraints);

// The graph of groups: a node per group (times summed per kind of device; kOp), an output per tensor that leaves it.
[[nodiscard]] Workload contract(const Workload& workload, const Grouping& grouping);
[[nodiscard]] Constraints contract(const Constraints& constraints, const Grouping& grouping);
[[nodiscard]] Placement expand(const Placement& coarse, const Grouping& grouping);

}  // namespace placer
