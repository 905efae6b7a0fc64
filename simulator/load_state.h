#pragma once

// The load and memory of every device under one choice of devices, kept while units move.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "placer/base/ids.h"
#include "placer/evaluate/evaluator.h"
#include "simulator/load_tables.h"

namespace placer::sim {

// `tables` must outlive it. A device's load is the time of its units, and its charge for every
// tensor that leaves it (once) or enters it (once).
class LoadState {
 public:
  explicit LoadState(const LoadTables& tables);

  void load(std::span<const DeviceId> choice);  // [units]
  //   cost  O(degree of the unit)
  void move(std::uint32_t unit, DeviceId to);

  [[nodiscard]] DeviceId device(std::uint32_t unit) const { return device_[unit]; }
  [[nodiscard]] std::span<const DeviceId> devices() const { return device_; }
  [[nodiscard]] std::span<const std::int64_t> loads() const { return load_; }   // [devices], ticks
  [[nodiscard]] std::span<const std::int64_t> memory() const { return used_; }  // [domains]
  // Bytes over the limits, summed over devices and pools.
  [[nodiscard]] std::int64_t overload() const { return overload_; }

 private:
  void add_memory(std::size_t domain, std::int64_t bytes) {
    const std::int64_t limit = tables_->domains.limit(domain);
    overload_ -= std::max<std::int64_t>(used_[domain] - limit, 0);
    used_[domain] += bytes;
    overload_ += std::max<std::int64_t>(used_[domain] - limit, 0);
  }
  void hold(std::size_t device, std::int64_t bytes);

  const LoadTables* tables_;
  std::vector<DeviceId> device_;      // [units]
  std::vector<std::int64_t> load_;    // [devices]
  std::vector<std::uint32_t> count_;  // [tensors x devices]: readers there
  std::vector<std::int64_t> used_;    // [domains]
  std::int64_t overload_ = 0;
};

// Busy time, memory, and what is short of it. The rest of the outcome is the objective's.
void fill_loads(const LoadTables& tables, const LoadState& state, Outcome& outcome);

}  // namespace placer::sim
