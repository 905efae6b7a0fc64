#include "placer/placement/placement.h"

#include <bit>

namespace placer {

Placement all_on(const Graph& graph, DeviceId device) {
  return {std::vector<DeviceId>(graph.size(), device), {}};
}

std::size_t num_devices_used(const Placement& placement) {
  std::uint64_t used = 0;
  for (const DeviceId device : placement.device) {
    used |= std::uint64_t{1} << index(device);
  }
  return static_cast<std::size_t>(std::popcount(used));
}

}  // namespace placer
