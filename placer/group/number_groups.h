#pragma once

// From merged atoms to a Grouping: topological numbers, and a place for what is only read.

#include <cstdint>

#include "placer/graph/graph.h"
#include "placer/group/atoms.h"
#include "placer/group/grouping.h"
#include "placer/group/merging_dag.h"

namespace placer {

// Units of only state, inputs, constants and outputs: groups of their own, or with who reads them.
enum class PassiveUnits : std::uint8_t { kEachAlone, kWithReaders };

// Numbers the groups of active nodes in topological order. Passive units that are groups of their
// own come before all others, since their edges only go out; with kWithReaders these are one group
// for each set of allowed devices.
[[nodiscard]] Grouping number_groups(const Graph& graph, const Constraints& constraints,
                                     const Atoms& atoms, const MergingDag& dag,
                                     PassiveUnits passive);

}  // namespace placer
