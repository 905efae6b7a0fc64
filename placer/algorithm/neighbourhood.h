#pragma once

// The moves that local search tries: what may change about a choice of a device per unit.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/unit_table.h"
#include "placer/base/random.h"

namespace placer {

struct Step {
  std::uint32_t unit = 0;
  DeviceId to{};
};
using Move = std::vector<Step>;  // taken in order; a unit may be named twice

// Of ten moves, five put one unit on another device, three swap two units, two move a run: units
// that follow one another in order, or that are connected. A unit takes its followers along:
// neighbours on its device that have no other neighbour (a weight with the op that reads it). Half
// of the units are of the busiest device, which is where something can be gained; three of four
// targets are a neighbour's device.
class Neighbourhood {
 public:
  // `units` must outlive it.
  explicit Neighbourhood(const UnitTable& units);

  // Nothing can move.
  [[nodiscard]] bool empty() const { return movable_.empty(); }
  [[nodiscard]] const UnitTable& units() const { return *units_; }

  // Replaces `move` by one from `choice` that changes something; requires !empty().
  //   busiest  the device to take units off
  void propose(Rng& rng, std::span<const DeviceId> choice, DeviceId busiest, Move& move) const;
  // Moves a share of the units, at least two, one after another: far enough to leave a local
  // optimum, near enough to keep most of what was found.
  void kick(Rng& rng, double share, std::span<DeviceId> choice) const;
  // Any device for every unit.
  [[nodiscard]] std::vector<DeviceId> random(Rng& rng) const;

 private:
  [[nodiscard]] std::uint32_t pick(Rng& rng, std::span<const DeviceId> choice,
                                   DeviceId busiest) const;
  [[nodiscard]] DeviceId target(Rng& rng, std::span<const DeviceId> choice,
                                std::uint32_t unit) const;
  void add(std::span<const DeviceId> choice, std::uint32_t unit, DeviceId to, Move& move) const;
  void swap(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit, Move& move) const;
  void add_run(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit, Move& move) const;
  void add_cluster(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit,
                   Move& move) const;

  const UnitTable* units_;
  std::vector<std::uint32_t> movable_;         // units with more than one device
  std::vector<std::uint32_t> first_follower_;  // [units + 1] into follower_
  std::vector<std::uint32_t> follower_;
};

}  // namespace placer
