#include "simulator/memory_domains.h"

#include "placer/base/error.h"
#include "simulator/infeasible.h"

namespace placer::sim {

MemoryDomains::MemoryDomains(const Cluster& cluster, std::span<const Bytes> device_limit)
    : cluster_(&cluster) {
  PLACER_CHECK(device_limit.empty() || device_limit.size() == cluster.size(), "a limit per device");
  const auto devices = static_cast<std::uint32_t>(cluster.size());
  for (std::uint32_t d = 0; d < devices; ++d) {
    const Device& device = cluster.device(id_at<DeviceId>(d));
    pool_of_.push_back(device.pool ? devices + *device.pool : d);
    limit_.push_back(device_limit.empty() ? device.memory.count : device_limit[d].count);
  }
  for (const MemoryPool& pool : cluster.pools()) {
    limit_.push_back(pool.memory.count);
  }
}

void MemoryDomains::describe_shortage(std::span<const std::int64_t> used,
                                      std::optional<Infeasible>& infeasible) const {
  std::size_t worst = 0;
  for (std::size_t i = 1; i < size(); ++i) {
    worst = used[i] - limit_[i] > used[worst] - limit_[worst] ? i : worst;
  }
  if (used[worst] <= limit_[worst]) {
    infeasible.reset();
    return;
  }
  placer::sim::describe_shortage(*cluster_, worst, {used[worst]}, {limit_[worst]}, infeasible);
}

}  // namespace placer::sim
