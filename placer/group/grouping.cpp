#include "placer/group/grouping.h"

#include "placer/group/atoms.h"
#include "placer/group/grouper.h"
#include "placer/group/merging_dag.h"
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
  return number_groups(graph, constraints, atoms, grouper.dag(), PassiveUnits::kWithReaders);
}

Grouping group_by_unit(const Graph& graph, const Constraints& constraints) {
  const Atoms atoms = make_atoms(graph, constraints, settled_nodes(graph));
  const MergingDag dag(atoms.size(), atoms.edges);
  return number_groups(graph, constraints, atoms, dag, PassiveUnits::kEachAlone);
}

}  // namespace placer
