#pragma once

// Which nodes move together in a search. Groups are acyclic when contracted, so that a graph of
// groups is a graph again and every algorithm works on either.
//
// What counts as an order between groups: every edge and control edge, except
//   - edges out of *settled* nodes (inputs, state, constants and their views): these tensors exist
//     before the step, and
//   - edges into output nodes: nothing waits for them within the step.
// So a weight can be in one group with its update, after the forward ops that read it.
//
// A unit of the constraints whose nodes are before and after other nodes (the forward and backward
// ops of a colocated module) cannot be one group of an acyclic graph. Its nodes are divided into
// several groups, as few as the rules find, and contract(Constraints) ties these: they are one unit
// of the contracted constraints and share a device.

#include <cstdint>
#include <vector>

#include "placer/cost/op_times.h"
#include "placer/graph/graph.h"
#include "placer/placement/constraints.h"

namespace placer {

struct Grouping {
  std::vector<GroupId> group_of;  // [graph.size()]; groups are numbered in a topological order of
                                  // the contracted graph
  std::size_t num_groups = 0;
  std::size_t divided_units = 0;  // units that are more than one group
};

struct GroupingOptions {
  std::size_t max_groups = 256;  // at most, where the constraints leave that many to merge
};

// The published rules (Mirhoseini et al., ICML 2017, section 3.1 and appendix) in order, each only
// where no cycle of groups arises and members' allowed devices still intersect:
//   1. units of the constraints (colocation),
//   2. a node all of whose outputs are read by one group moves with it, to a fixpoint,
//   3. within each pass and module, innermost modules first: a node and the most urgent of its
//      readers there (the one with the longest way to the end of the step), when it is that
//      reader's last input; which makes a group of a layer or of an unrolled cell,
//   4. until at most max_groups: the shortest group with the neighbour that it loses the least
//      parallelism to,
//   5. state, inputs and constants that no op writes to go with their first reader; those pinned
//      more narrowly than all their readers are one group for each set of allowed devices (these
//      may come on top of max_groups).
// Rules 2 and 3 never make a group longer than 1 / max_groups of all op times. Since 3 follows
// chains, work that can run beside a chain (weight gradients, branches) stays movable.
// Deterministic.
[[nodiscard]] Grouping group_nodes(const CostModel& costs, const Constraints& constraints,
                                   const GroupingOptions& options);

// The graph of groups: node g is group g, a kOp labelled "group", with the sum of its members'
// times per kind of device (none where a member has none), their largest workspace, and an output
// for every tensor that leaves it. Edges that do not order groups (see above) are kept where they
// agree with the order and left out else. Bytes of state are not in it: see persistent_bytes.
[[nodiscard]] Workload contract(const Workload& workload, const Grouping& grouping);
// A group may use what all its members may; groups that share a unit are one unit.
[[nodiscard]] Constraints contract(const Constraints& constraints, const Grouping& grouping);
[[nodiscard]] Placement expand(const Placement& coarse, const Grouping& grouping);
// The placement of groups nearest to one of nodes: each group on the device that has most of its op
// time (ties: the lowest; groups without op time: of their first node). It may break constraints
// that narrow a group more than its members. `costs` is of the fine graph.
[[nodiscard]] Placement coarsen(const CostModel& costs, const Placement& fine,
                                const Grouping& grouping);

// Bytes that a group holds from step to step: its inputs, state and constants, [num_groups].
[[nodiscard]] std::vector<Bytes> persistent_bytes(const Graph& graph, const Grouping& grouping);

// True for inputs, state, constants and their views: tensors that exist before the step,
// [graph.size()].
[[nodiscard]] std::vector<bool> settled_nodes(const Graph& graph);

}  // namespace placer
