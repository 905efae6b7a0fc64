#include "placer/group/grouping.h"

#include "placer/group/atoms.h"
#include "placer/group/grouper.h"
#include "placer/group/number_groups.h"

namespace placer {

Grouping group_nodes(const CostModel& costs, const Constraints& constraints,
                     const GroupingOptions& options) {
  const Graph& graph = costs.graph();
  const Atoms atoms = make_atoms(graph, constraints, settled_nodes(graph));
  Grouper grouper(costs, constraints, atoms, options.max_groups);
  grouper.reunite_units();
  grouper.follow_single_readers();
  grouper.follow_modules();
  grouper.reduce_to_limit();
  return number_groups(graph, constraints, atoms, grouper.dag());
}

}  // namespace placer
