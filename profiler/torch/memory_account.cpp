#include "profiler/torch/memory_account.h"

#include <algorithm>

#include "placer/base/error.h"

namespace placer::profile {

MemoryAccount::MemoryAccount(const Cluster& cluster, std::span<const Bytes> limits)
    : devices_(cluster.size()),
      counters_(std::make_unique<Counter[]>(cluster.size() + cluster.pools().size())),
      pools_(cluster.pools().size()) {
  PLACER_CHECK(limits.empty() || limits.size() == devices_, "a memory limit per device");
  for (std::size_t p = 0; p < pools_; ++p) {
    counters_[devices_ + p].limit = cluster.pools()[p].memory.count;
  }
  for (std::size_t d = 0; d < devices_; ++d) {
    const Device& device = cluster.devices()[d];
    counters_[d].limit = limits.empty() ? device.memory.count : limits[d].count;
    if (device.pool) {
      counters_[d].pool = &counters_[devices_ + *device.pool];
    }
  }
}

std::optional<MemoryAccount::Shortage> MemoryAccount::start(std::span<const Bytes> resident) {
  for (std::size_t i = 0; i < devices_ + pools_; ++i) {
    counters_[i].live.store(0, std::memory_order_relaxed);
    counters_[i].peak.store(0, std::memory_order_relaxed);
  }
  std::optional<Shortage> shortage;
  for (std::size_t d = 0; d < devices_; ++d) {
    const std::int64_t missing = charge(d, resident[d].count);
    if (missing > 0 && !shortage) {
      shortage = Shortage{d, {missing}};
    }
  }
  return shortage;
}

std::int64_t MemoryAccount::charge(std::size_t device, std::int64_t bytes) {
  Counter& counter = counters_[device];
  const std::int64_t live = counter.live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  // Others charge a device only for copies that they send to it.
  std::int64_t peak = counter.peak.load(std::memory_order_relaxed);
  while (live > peak &&
         !counter.peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
  std::int64_t missing = live - counter.limit;
  if (counter.pool != nullptr) {
    const std::int64_t drawn =
        counter.pool->live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    missing = std::max(missing, drawn - counter.pool->limit);
  }
  return std::max<std::int64_t>(missing, 0);
}

void MemoryAccount::release(std::size_t device, std::int64_t bytes) {
  Counter& counter = counters_[device];
  counter.live.fetch_sub(bytes, std::memory_order_relaxed);
  if (counter.pool != nullptr) {
    counter.pool->live.fetch_sub(bytes, std::memory_order_relaxed);
  }
}

std::vector<Bytes> MemoryAccount::peaks() const {
  std::vector<Bytes> peaks(devices_);
  for (std::size_t d = 0; d < devices_; ++d) {
    peaks[d] = {counters_[d].peak.load(std::memory_order_relaxed)};
  }
  return peaks;
}

}  // namespace placer::profile
