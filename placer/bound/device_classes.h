#pragma once

// Devices that nothing tells apart: searching one order of them is searching all.

#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/placement/constraints.h"

namespace placer {

// The cluster's devices in classes, by lowest member, members ascending. Two devices of a class may
// be exchanged in any placement: interchangeable() in the cluster, same memory limit, the same nodes
// allowed.
[[nodiscard]] std::vector<std::vector<DeviceId>> device_classes(const CostModel& costs,
                                                                const Constraints& constraints);

}  // namespace placer
