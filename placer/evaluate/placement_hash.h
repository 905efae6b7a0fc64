#pragma once

// For tables keyed by whole placements.

#include <cstddef>
#include <cstdint>

#include "placer/base/random.h"
#include "placer/placement/placement.h"

namespace placer {

struct PlacementHash {
  std::size_t operator()(const Placement& placement) const {
    std::uint64_t hash = placement.priority.size();
    for (const DeviceId device : placement.device) {
      hash = splitmix64(hash ^ index(device));
    }
    for (const std::int64_t priority : placement.priority) {
      hash = splitmix64(hash ^ static_cast<std::uint64_t>(priority));
    }
    return hash;
  }
};

}  // namespace placer
