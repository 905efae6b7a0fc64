#include "placer/bound/device_classes.h"

#include <algorithm>

#include "placer/cluster/symmetry.h"

namespace placer {
namespace {

bool exchangeable(const Cluster& cluster, const Constraints& constraints, DeviceId a, DeviceId b) {
  const auto both_or_none = [&](std::uint64_t mask) {
    return (mask >> index(a) & 1) == (mask >> index(b) & 1);
  };
  return constraints.memory_limit[index(a)] == constraints.memory_limit[index(b)] &&
         interchangeable(cluster, a, b) &&
         std::all_of(constraints.allowed.begin(), constraints.allowed.end(), both_or_none);
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
