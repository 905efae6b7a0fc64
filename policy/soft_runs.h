#pragma once

// A guess to begin with where devices are alike and nothing is known: runs of the topological
// order, as searches try them first.

#include <vector>

#include "placer/algorithm/unit_table.h"

namespace placer::policy {

// The units in order, cut into a run a device in the cluster's order, of work in proportion to the
// device's speed. A unit's logit is 0 on the device of its run and
//   -strength * (distance to the device's run, in shares of all work) * (number of devices)
// on the others: it is the likelier elsewhere the nearer it is to a cut.
//   returns  [units, devices], row-major; 0 where forbidden
[[nodiscard]] std::vector<double> soft_runs(const UnitTable& units, double strength);

}  // namespace placer::policy
