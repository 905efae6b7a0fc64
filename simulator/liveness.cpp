#include "simulator/liveness.h"

#include <map>
#include <tuple>

#include "placer/base/error.h"

namespace placer::sim {

void MemoryAccount::replay(std::span<MemoryChange> changes) {
  std::ranges::sort(changes, {}, &MemoryChange::time);
  std::int64_t now = 0;
  for (const MemoryChange& change : changes) {
    if (change.time != now) {
      settle();
      now = change.time;
    }
    add(change.device, change.bytes);
  }
  settle();
}

std::optional<Shortage> find_shortage(const CompiledGraph& graph,
                                      std::span<const std::int64_t> peak) {
  std::optional<Shortage> worst;
  for (std::uint32_t i = 0; i < graph.domain_limit.size(); ++i) {
    const std::int64_t missing = peak[i] - graph.domain_limit[i];
    if (missing > 0 && (!worst || missing > worst->missing)) worst = {i, missing};
  }
  return worst;
}

std::vector<MemoryPoint> memory_profile(std::span<const Allocation> allocations, SimTime end) {
  std::map<std::pair<std::int64_t, std::uint32_t>, std::int64_t> change;  // by time, then device
  for (const Allocation& allocation : allocations) {
    if (allocation.start == allocation.end) continue;
    change[{allocation.start, allocation.device}] += allocation.bytes;
    change[{allocation.end, allocation.device}] -= allocation.bytes;
  }
  std::map<std::uint32_t, std::int64_t> used;
  std::vector<MemoryPoint> points;
  for (const auto& [key, bytes] : change) {
    const auto& [time, device] = key;
    if (time > end.ps || bytes == 0) continue;
    used[device] += bytes;
    points.push_back({id_at<DeviceId>(device), {time}, {used[device]}});
  }
  return points;
}

Overflow find_overflow(const CompiledGraph& graph, std::span<const Allocation> allocations,
                       std::uint32_t domain) {
  const auto counts = [&](const Allocation& allocation) {
    return allocation.start < allocation.end &&
           (allocation.device == domain || graph.pool_domain[allocation.device] == domain);
  };
  std::map<std::int64_t, std::int64_t> change;
  for (const Allocation& allocation : allocations) {
    if (!counts(allocation)) continue;
    change[allocation.start] += allocation.bytes;
    change[allocation.end] -= allocation.bytes;
  }
  std::int64_t used = 0;
  auto at = change.begin();
  for (; at != change.end(); ++at) {
    used += at->second;
    if (used > graph.domain_limit[domain]) break;
  }
  PLACER_CHECK(at != change.end(), "the domain stays below its limit");
  Overflow overflow{at->first, {}};
  for (const Allocation& allocation : allocations) {
    if (counts(allocation) && allocation.start <= at->first && at->first < allocation.end) {
      overflow.alive.push_back(allocation);
    }
  }
  std::ranges::sort(overflow.alive, [](const Allocation& a, const Allocation& b) {
    return std::tuple(-a.bytes, a.node, a.output, a.device) <
           std::tuple(-b.bytes, b.node, b.output, b.device);
  });
  return overflow;
}

}  // namespace placer::sim
