#pragma once

// What objectives over the loads of devices have in common.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "placer/evaluate/incremental.h"
#include "placer/placement/constraints.h"
#include "simulator/load_state.h"
#include "simulator/simulator.h"

namespace placer::sim {

// Tables of single nodes, for whole placements, with the memory limits of the options or else of
// the constraints. The formulas of all threads share them.
//   throws  Error(kUsage) when all times together exceed 2^62 ps
[[nodiscard]] std::shared_ptr<const LoadTables> node_tables(const CostModel& costs,
                                                            const Constraints& constraints,
                                                            const SimulatorOptions& options);

// A choice that changes by moves of the constraints' units.
class LoadMoves : public IncrementalEvaluator {
 public:
  [[nodiscard]] MoveValue value() const final { return value_; }
  [[nodiscard]] DeviceId device(std::uint32_t unit) const final { return state_.device(unit); }
  [[nodiscard]] DeviceId bottleneck() const final;

 protected:
  LoadMoves(const CostModel& costs, const Constraints& constraints);

  [[nodiscard]] const LoadTables& tables() const { return tables_; }
  [[nodiscard]] LoadState& state() { return state_; }
  // All of value() but its cost, of the state as it is; returns the largest load. In the header,
  // like set_cost(): searches come here after every move.
  std::int64_t survey_loads() {
    std::int64_t most = 0;
    double squares = 0;
    for (const std::int64_t load : state_.loads()) {
      most = std::max(most, load);
      squares += static_cast<double>(load) * static_cast<double>(load);
    }
    value_.guide = std::sqrt(squares) * tables_.ps_per_tick;
    value_.overload_bytes = static_cast<double>(state_.overload());
    return most;
  }
  // Nothing: the placement has no value.
  void set_cost(std::optional<std::int64_t> ticks) {
    value_.cost = ticks ? tables_.picoseconds(*ticks) : std::numeric_limits<double>::infinity();
  }

 private:
  LoadTables tables_;
  LoadState state_;
  MoveValue value_;
};

}  // namespace placer::sim
