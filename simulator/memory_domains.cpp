#include "simulator/memory_domains.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "placer/base/error.h"

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
  const Bytes missing{used[worst] - limit_[worst]};
  if (missing.count <= 0) {
    infeasible.reset();
    return;
  }
  // A pool is named by its first device where a device is asked for.
  const auto first = std::find(pool_of_.begin(), pool_of_.end(), worst);
  const bool is_pool = worst >= pool_of_.size();
  const auto device = is_pool ? id_at<DeviceId>(static_cast<std::size_t>(first - pool_of_.begin()))
                              : id_at<DeviceId>(worst);
  const std::string& name =
      is_pool ? cluster_->pools()[worst - pool_of_.size()].name : cluster_->device(device).name;
  infeasible = Infeasible{
      .reason = InfeasibleReason::kOutOfMemory,
      .device = device,
      .node = std::nullopt,
      .missing = missing,
      .text = fmt::format("{}{} is {} short (needs {}, has {})", is_pool ? "memory pool " : "",
                          name, to_string(missing), to_string(Bytes{used[worst]}),
                          to_string(Bytes{limit_[worst]}))};
}

}  // namespace placer::sim
