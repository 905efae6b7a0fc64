#pragma once

// A guess to begin with where devices are alike and nothing is known: runs of the topological
// order, as searches try them first.

#include <span>
#include <vector>

#include "placer/algorithm/unit_table.h"

namespace placer::policy {

// The middle of the work of each node's unit when all units follow each other, in shares of all
// work: [nodes].
[[nodiscard]] std::vector<double> positions_of_nodes(const UnitTable& units, std::size_t nodes);
// The share of the work that is done on each device when all are busy for equally long: [devices].
[[nodiscard]] std::vector<double> shares_of_work(const UnitTable& units);

// A line from 0 to 1, cut into runs, one after the other, as long as `shares`, which sum to 1. What
// is at a position has the logit 0 for the run that it lies in, and for the others
//   -strength * (distance to the run) * (number of runs), but -20 at least
// It is the likelier elsewhere the nearer it is to a cut.
//   returns  [positions, runs], row-major
[[nodiscard]] std::vector<double> soft_runs(std::span<const double> positions,
                                            std::span<const double> shares, double strength);

// Of the units in order, a run a device in the cluster's order.
//   returns  [units, devices], row-major; 0 where forbidden
[[nodiscard]] std::vector<double> soft_runs(const UnitTable& units, double strength);

}  // namespace placer::policy
