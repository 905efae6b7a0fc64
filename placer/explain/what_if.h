#pragma once

// The same machine with one part faster: what a step would gain from it tells what holds it up.

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"

namespace placer {

struct Variant {
  Workload workload;
  Cluster cluster;
};

// Ops on `device` take 1 / factor of their time and of the device's overhead. The device gets a
// kind of its own.
[[nodiscard]] Variant with_faster_device(const Workload& workload, const Cluster& cluster,
                                         DeviceId device, double factor);
// The link has 1 / factor of its latency and factor times its bandwidth; transfer times that the
// graph states are divided as well.
[[nodiscard]] Cluster with_faster_link(const Cluster& cluster, LinkId link, double factor);

}  // namespace placer
