#pragma once

// From merged atoms to a Grouping: topological numbers, and a place for what is only read.

#include "placer/graph/graph.h"
#include "placer/group/atoms.h"
#include "placer/group/grouping.h"
#include "placer/group/merging_dag.h"

namespace placer {

// Numbers the groups of active nodes in topological order. Units of only state, inputs, constants
// and outputs are with who reads them; those that cannot be come before all others, since their
// edges only go out, one group for each set of allowed devices.
[[nodiscard]] Grouping number_groups(const Graph& graph, const Constraints& constraints,
                                     const Atoms& atoms, const MergingDag& dag);

}  // namespace placer
