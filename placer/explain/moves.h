#pragma once

// What it would cost to put a unit of nodes elsewhere: the answer to "why is it on this device".

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"

namespace placer {

// What crosses between devices: each tensor once per device that reads it.
struct Traffic {
  std::size_t transfers = 0;
  Bytes bytes;   // hand-offs between devices that share memory too, though they copy nothing
  SimTime time;  // sum of the transfers' times, each as if alone on its link
};
// O(nodes + edges).
[[nodiscard]] Traffic traffic_of(const CostModel& costs, const Placement& placement);

// The placement with all nodes of the unit on `to`.
[[nodiscard]] Placement with_unit_on(const Placement& placement, const Constraints& constraints,
                                     std::uint32_t unit, DeviceId to);

struct Move {
  std::uint32_t unit = 0;
  DeviceId to{};
  Outcome outcome;  // of the whole step after it
};

struct MoveSurvey {
  std::vector<Move> moves;         // by unit in the order given, then by device
  std::size_t units_surveyed = 0;  // fewer than given where the evaluations did not suffice
};
// Judges every move of each unit to another device that it may use, whole units at a time. Of idle
// devices that are interchangeable the first stands for all.
//   most_evaluations  a unit whose moves would go beyond these ends the survey
[[nodiscard]] MoveSurvey survey_moves(const CostModel& costs, const Constraints& constraints,
                                      Evaluator& evaluator, const Placement& placement,
                                      std::span<const std::uint32_t> units,
                                      std::size_t most_evaluations, const std::stop_token& stop);

// Units that may use several devices: those of `first` in its order, then the others by the time of
// their ops where they are, longest first, ties by unit.
[[nodiscard]] std::vector<std::uint32_t> units_to_survey(const CostModel& costs,
                                                         const Constraints& constraints,
                                                         const Placement& placement,
                                                         std::span<const NodeId> first);

}  // namespace placer
