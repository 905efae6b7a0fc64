#pragma once

// Devices that are as good as one another.

#include "placer/cluster/cluster.h"

namespace placer {

// Could the two change places (their names and memory apart) without changing anything: same kind,
// pool and overhead, links alike to every other device and between them? A shared link is like no
// other link, since it matters which pairs share it. Two devices that are each like a third are
// like one another. What their memory limits are is for the constraints to say. O(devices).
[[nodiscard]] bool interchangeable(const Cluster& cluster, DeviceId a, DeviceId b);

}  // namespace placer
