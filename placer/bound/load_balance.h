#pragma once

// Bounds on the busiest device from the work there is to share: what every unit must cost wherever
// it goes, and how little the busiest of the devices can get of the sum.

#include <cstddef>
#include <vector>

#include "placer/cost/load_model.h"
#include "placer/placement/constraints.h"

namespace placer {

// The least that each unit adds to a device of each class, microseconds.
struct UnitLoads {
  static constexpr double kNever = -1;  // the unit may not go there

  std::size_t num_units = 0;
  std::vector<std::size_t> devices;  // [classes]: how many there are
  // [units x classes]. `alone` is what a device pays that has the unit, whatever else it has;
  // `shared` divides what several units of one device would pay once among them: only these may be
  // added up.
  std::vector<double> alone;
  std::vector<double> shared;
  std::vector<Bytes> memory;  // [units]: resident and outputs

  [[nodiscard]] std::size_t num_classes() const { return devices.size(); }
};

// Op times alone: what keeps a device busy in a step.
[[nodiscard]] UnitLoads unit_times(const CostModel& costs, const Constraints& constraints,
                                   const std::vector<std::vector<DeviceId>>& classes);
// Op times and those transfers that cannot be avoided, since the other end may not be on such a
// device: what a device pays under max-load.
[[nodiscard]] UnitLoads unit_loads(const LoadModel& model, const Constraints& constraints,
                                   const std::vector<std::vector<DeviceId>>& classes);

// The least load of the busiest device if units could be cut into pieces and shared freely: the
// best value of the dual sum_u min_c y_c shared(u, c) over weights y with sum_c devices(c) y_c = 1
// that a search over y finds. Every y gives a valid bound; exact for one and two classes.
[[nodiscard]] double balance_bound(const UnitLoads& loads);

// The heaviest unit on its best device, or, of the n + 1 heaviest on n devices, the two lightest
// together (two must meet).
[[nodiscard]] double heaviest_units_bound(const UnitLoads& loads);

}  // namespace placer
