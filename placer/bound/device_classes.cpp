#include "placer/bound/device_classes.h"

#include <algorithm>

namespace placer {
namespace {

bool alike(const Cluster& cluster, LinkId a, LinkId b) {
  const Link& first = cluster.link(a);
  const Link& second = cluster.link(b);
  if (first.shared || second.shared) {
    return a == b;  // a bus is held by all of its pairs
  }
  return first.latency == second.latency && first.bytes_per_second == second.bytes_per_second &&
         first.transfer_scale == second.transfer_scale;
}

bool same_links(const Cluster& cluster, DeviceId a, DeviceId b) {
  if (!alike(cluster, cluster.link_between(a, b), cluster.link_between(b, a))) {
    return false;
  }
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto other = id_at<DeviceId>(d);
    if (other != a && other != b &&
        (!alike(cluster, cluster.link_between(a, other), cluster.link_between(b, other)) ||
         !alike(cluster, cluster.link_between(other, a), cluster.link_between(other, b)))) {
      return false;
    }
  }
  return true;
}

bool exchangeable(const Cluster& cluster, const Constraints& constraints, DeviceId a, DeviceId b) {
  const Device& first = cluster.device(a);
  const Device& second = cluster.device(b);
  const auto both_or_none = [&](std::uint64_t mask) {
    return (mask >> index(a) & 1) == (mask >> index(b) & 1);
  };
  return first.kind == second.kind && first.overhead == second.overhead &&
         first.pool == second.pool &&
         constraints.memory_limit[index(a)] == constraints.memory_limit[index(b)] &&
         std::all_of(constraints.allowed.begin(), constraints.allowed.end(), both_or_none) &&
         same_links(cluster, a, b);
}

}  // namespace

std::vector<std::vector<DeviceId>> device_classes(const CostModel& costs,
                                                  const Constraints& constraints) {
  const Cluster& cluster = costs.cluster();
  std::vector<std::vector<DeviceId>> classes;
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto device = id_at<DeviceId>(d);
    const auto same = std::find_if(classes.begin(), classes.end(), [&](const auto& members) {
      return exchangeable(cluster, constraints, members.front(), device);
    });
    if (same == classes.end()) {
      classes.push_back({device});
    } else {
      same->push_back(device);
    }
  }
  return classes;
}

}  // namespace placer
