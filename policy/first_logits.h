#pragma once

// Guesses that policies without a schedule of their own begin with where nothing is known: runs of
// the topological order, one on each device, as searches try them first.

#include <cstddef>
#include <span>
#include <vector>

#include "placer/algorithm/unit_table.h"
#include "policy/parameters.h"

namespace placer::policy {

// What a policy decides on, one decision a row: units, nodes, or groups of them.
struct Rows {
  // Where it lies when all units follow each other, in shares of all work: the middle of its unit.
  std::vector<double> positions;
  std::vector<std::size_t> units;  // whose device it decides; of a group the one in its middle
};
[[nodiscard]] Rows rows_of_units(const Problem& problem, const UnitTable& units);
[[nodiscard]] Rows rows_of_nodes(const Problem& problem, const UnitTable& units);
// `count` runs of the order with as much work each.
[[nodiscard]] Rows rows_of_groups(const Problem& problem, const UnitTable& units,
                                  std::size_t count);

// The share of the work that is done on each device when all are busy for equally long: [devices].
[[nodiscard]] std::vector<double> shares_of_work(const UnitTable& units);

// A line from 0 to 1, cut into runs, one after the other, as long as `shares`, which sum to 1. What
// is at a position has the logit 0 for the run that it lies in, and for the others
//   -strength * (distance to the run) * (number of runs), but -20 at least
// It is the likelier elsewhere the nearer it is to a cut.
//   returns  [positions, runs], row-major
[[nodiscard]] std::vector<double> soft_runs(std::span<const double> positions,
                                            std::span<const double> shares, double strength);

// Units in order, one device filled after the other, the fastest first, each as far as its memory
// goes for what units keep and produce. Nothing where one device holds all of it.
//   returns  [units]
[[nodiscard]] std::vector<DeviceId> packed(const Problem& problem, const UnitTable& units);

// What fresh weights begin with, in turn: runs, nothing likelier than anything else (empty), packed;
// without those that are not asked for, and without the last where packed() is nothing.
//   returns  [ways][rows, devices], row-major; at least one way
[[nodiscard]] std::vector<std::vector<double>> first_logits(const Problem& problem,
                                                            const UnitTable& units,
                                                            const Rows& rows,
                                                            const FirstLogits& first);

}  // namespace placer::policy
