#pragma once

// Whose memory is counted together: a domain for each device, then one for each pool.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/base/units.h"
#include "placer/cluster/cluster.h"
#include "placer/evaluate/evaluator.h"

namespace placer::sim {

class MemoryDomains {
 public:
  // `device_limit` [devices], or empty: the cluster's.
  MemoryDomains(const Cluster& cluster, std::span<const Bytes> device_limit);

  [[nodiscard]] std::size_t size() const { return limit_.size(); }
  // The domain of the device's pool; its own where it has none.
  [[nodiscard]] std::uint32_t pool_of(std::size_t device) const { return pool_of_[device]; }
  [[nodiscard]] std::int64_t limit(std::size_t domain) const { return limit_[domain]; }

  // Fills `infeasible` where a domain holds more than its limit, for the one that is short by most
  // (lowest first among equals), else empties it. Its text reads "cpu:1 is 1.3 GiB short (needs
  // 5.3 GiB, has 4.0 GiB)".
  //   used  [domains]
  void describe_shortage(std::span<const std::int64_t> used,
                         std::optional<Infeasible>& infeasible) const;

 private:
  const Cluster* cluster_;
  std::vector<std::uint32_t> pool_of_;  // [devices]
  std::vector<std::int64_t> limit_;     // [domains]
};

}  // namespace placer::sim
