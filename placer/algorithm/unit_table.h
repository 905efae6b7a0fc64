#pragma once

// The units of a problem as flat tables: what methods that decide one unit at a time ask in their
// loops. A "choice" is a device per unit.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

class UnitTable {
 public:
  //   worthwhile  bit set: units use no other devices, though their constraints may allow them
  explicit UnitTable(const Problem& problem, std::uint64_t worthwhile = ~std::uint64_t{0});

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] std::size_t num_devices() const { return num_devices_; }
  // Nodes of the unit, ascending. Units are ordered by their first node.
  [[nodiscard]] std::span<const NodeId> members(std::size_t unit) const { return members_[unit]; }
  [[nodiscard]] std::uint64_t allowed(std::size_t unit) const { return allowed_[unit]; }
  [[nodiscard]] bool may_use(std::size_t unit, DeviceId device) const {
    return (allowed_[unit] >> index(device) & 1) != 0;
  }
  // Devices that the unit may use, ascending.
  [[nodiscard]] std::span<const DeviceId> devices(std::size_t unit) const { return devices_[unit]; }
  // Op time of all members; the device must be allowed.
  [[nodiscard]] SimTime time(std::size_t unit, DeviceId device) const {
    return times_[unit * num_devices_ + index(device)];
  }
  [[nodiscard]] SimTime mean_time(std::size_t unit) const { return mean_times_[unit]; }
  // What it keeps from step to step (inputs, state, constants; those inside groups too).
  [[nodiscard]] Bytes persistent(std::size_t unit) const { return persistent_[unit]; }
  // Those, and everything that its nodes produce.
  [[nodiscard]] Bytes bytes(std::size_t unit) const { return bytes_[unit]; }
  // Units that exchange tensors with it, ascending, each once.
  [[nodiscard]] std::span<const std::uint32_t> neighbours(std::size_t unit) const {
    return neighbours_[unit];
  }

  [[nodiscard]] Placement placement(std::span<const DeviceId> choice) const;
  // The devices of the units' first nodes.
  [[nodiscard]] std::vector<DeviceId> choice(const Placement& placement) const;

 private:
  void add_node(const Problem& problem, NodeId id, Bytes inside, std::uint64_t worthwhile);

  const Constraints& constraints_;
  std::size_t num_devices_;
  std::vector<std::vector<NodeId>> members_;
  std::vector<std::uint64_t> allowed_;
  std::vector<std::vector<DeviceId>> devices_;
  std::vector<SimTime> times_;
  std::vector<SimTime> mean_times_;
  std::vector<Bytes> persistent_;
  std::vector<Bytes> bytes_;
  std::vector<std::vector<std::uint32_t>> neighbours_;
};

}  // namespace placer
