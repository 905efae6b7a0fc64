#pragma once

// A schedule as a list scheduler builds it: one op after another gets a device and a start. What
// HEFT, CPOP, PEFT, ETF and SCT have in common.
//
// Only ops are scheduled. A unit is fixed by the first of its ops that is scheduled, inputs, state
// and constants by their first reader.

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/algorithm/busy_timeline.h"
#include "placer/algorithm/unit_table.h"

namespace placer {

// How a schedule sees transfers.
enum class Links : std::uint8_t {
  kFree,      // as in the papers: any number at once
  kReserved,  // as in the simulator: a tensor travels once to a device and holds the sender's
              // egress, the receiver's ingress and a shared link; gaps are filled
};

// What a unit is charged for when a device's room is looked at.
enum class Charge : std::uint8_t {
  kPersistent,  // what it keeps from step to step
  kEverything,  // and all that its ops produce, as if nothing were freed
};

struct ScheduleModel {
  Links links = Links::kFree;
  Charge charge = Charge::kPersistent;
};

struct Schedule {
  std::vector<DeviceId> choice;  // [units]
  std::vector<SimTime> start;    // [nodes]; 0 for nodes that are not ops
  std::vector<SimTime> end;      // [nodes]
  SimTime makespan;

  // Placement::priority that makes ready ops run in the schedule's order: by start, then index.
  [[nodiscard]] std::vector<std::int64_t> priority() const;
};

class PartialSchedule {
 public:
  // All references outlive it.
  PartialSchedule(const Problem& problem, const UnitTable& units, ScheduleModel model);

  [[nodiscard]] std::uint32_t unit_of(NodeId node) const {
    return problem_.constraints.unit_of[index(node)];
  }
  [[nodiscard]] bool fixed(std::uint32_t unit) const { return choice_[unit] != kNowhere; }
  // Devices that the op may still use: all of its unit's, or the one that the unit is on.
  [[nodiscard]] std::span<const DeviceId> devices(NodeId op) const {
    const std::uint32_t unit = unit_of(op);
    return fixed(unit) ? std::span(&choice_[unit], 1) : units_.devices(unit);
  }
  [[nodiscard]] bool may_use(NodeId op, DeviceId device) const {
    const auto among = devices(op);
    return std::find(among.begin(), among.end(), device) != among.end();
  }
  // False when the op's unit is not fixed and would overflow the device.
  [[nodiscard]] bool has_room(NodeId op, DeviceId device) const {
    const std::uint32_t unit = unit_of(op);
    return fixed(unit) || charge_[unit] <= room_[index(device)];
  }
  // The device with most room of those that the op may use.
  [[nodiscard]] DeviceId roomiest(NodeId op) const;

  // When all inputs of the op can be on the device; all producers must be scheduled.
  [[nodiscard]] SimTime arrival(NodeId op, DeviceId device) const;
  // Earliest start there, in a gap or after all.
  [[nodiscard]] SimTime earliest_start(NodeId op, DeviceId device) const {
    return start_after(arrival(op, device), op, device);
  }
  // When the device has ended all that it was given.
  [[nodiscard]] SimTime free(DeviceId device) const { return devices_[index(device)].free(); }

  // Puts the op there, no earlier than its inputs and `not_before` allow.
  void place(NodeId op, DeviceId device, SimTime not_before = {});
  // The device of smallest `value(start, device)` among those with room, the lowest of equals;
  // without room anywhere the roomiest. `value` must not fall as the start rises: devices that are
  // no better with free links are not asked when their transfers could be.
  template <typename Value>
  [[nodiscard]] DeviceId best_device(NodeId op, Value value) const {
    look_at(op);
    choices_.clear();
    for (const DeviceId device : devices(op)) {
      if (has_room(op, device)) {
        choices_.push_back({value(start_after(reach_[index(device)], op, device), device), device});
      }
    }
    if (choices_.empty()) return roomiest(op);
    const Choice likely = std::ranges::min(choices_);
    if (model_.links == Links::kFree) return likely.device;
    Choice best{value(earliest_start(op, likely.device), likely.device), likely.device};
    for (const Choice& choice : choices_) {
      if (choice.device == likely.device || choice > best) continue;
      best =
          std::min(best, {value(earliest_start(op, choice.device), choice.device), choice.device});
    }
    return best.device;
  }
  // Earliest finish time, HEFT's and CPOP's rule.
  [[nodiscard]] DeviceId earliest_finish(NodeId op) const {
    return best_device(
        op, [&](SimTime start, DeviceId device) { return start + costs_.op_time(op, device); });
  }

  // Units without ops and readers go where most room is.
  [[nodiscard]] Schedule finish();

 private:
  static constexpr auto kNowhere = static_cast<DeviceId>(~std::uint32_t{0});

  // An input of the op that is looked at, once its producer is somewhere.
  struct Input {
    std::size_t tensor = 0;  // Graph::tensor_index
    DeviceId from{};
    SimTime ready;
  };
  // Its way to a device.
  struct Way {
    SimTime hold;  // of the link; 0: it needs none, or was sent before
    SimTime sent;  // the first gap of the sender
  };
  // What must cross a link for an op.
  struct Transfer {
    std::size_t tensor = 0;
    DeviceId from{};
    SimTime ready;
    SimTime time;   // Way::hold
    SimTime start;  // Way::sent, later when it would start
  };
  struct Choice {
    SimTime value;
    DeviceId device;

    auto operator<=>(const Choice&) const = default;
  };
  [[nodiscard]] SimTime start_after(SimTime ready, NodeId op, DeviceId device) const {
    return devices_[index(device)].earliest(ready, costs_.op_time(op, device));
  }
  // Fills reach_ for the op; with reserved links inputs_ and ways_ too.
  void look_at(NodeId op) const;
  void look_at_links(const Input& input) const;
  // Something leaves `from` at `ready`, and takes `holds` [devices] and the latency.
  void reach_after(DeviceId from, SimTime ready, std::span<const SimTime> holds) const;
  // Of the op that is looked at.
  [[nodiscard]] SimTime reserved_arrival(DeviceId device) const;
  [[nodiscard]] SimTime plan_transfers(DeviceId to) const;
  [[nodiscard]] SimTime common_gap(const Transfer& transfer, DeviceId to, SimTime ready) const;
  // In a table [rows x devices].
  [[nodiscard]] std::size_t at(std::size_t row, DeviceId device) const {
    return row * devices_.size() + index(device);
  }
  void reserve_transfers(DeviceId to);
  void fix(std::uint32_t unit, DeviceId device);
  [[nodiscard]] DeviceId roomiest_of(std::span<const DeviceId> devices) const;

  const Problem& problem_;
  const CostModel& costs_;
  const Graph& graph_;
  const UnitTable& units_;
  ScheduleModel model_;
  std::vector<BusyTimeline> devices_;
  std::vector<Bytes> room_;       // [devices]
  std::vector<Bytes> charge_;     // [units]
  std::vector<DeviceId> choice_;  // [units]; kNowhere: not fixed
  std::vector<SimTime> start_;    // [nodes]
  std::vector<SimTime> end_;      // [nodes]
  // Of the op that was last looked at; none once something has been placed.
  mutable std::optional<NodeId> looked_at_;
  mutable std::vector<SimTime> holds_;   // [devices]: of one of its inputs
  mutable std::vector<SimTime> reach_;   // [devices]: its inputs are not there earlier
  mutable std::vector<Choice> choices_;  // of best_device()
  // Links::kReserved only.
  std::vector<BusyTimeline> egress_;   // [devices]
  std::vector<BusyTimeline> ingress_;  // [devices]
  std::vector<BusyTimeline> bus_;      // [links]
  std::vector<SimTime> copied_;        // [tensors x devices]: arrival; negative: not sent
  mutable std::vector<Input> inputs_;
  mutable std::vector<Way> ways_;                // [inputs x devices]
  mutable std::optional<DeviceId> planned_for_;  // the device that was last asked about
  mutable SimTime planned_arrival_;
  mutable std::vector<Transfer> transfers_;  // to it
};

// Judges the schedules that `make` builds under free and under reserved links, each with its own
// order of ops and with the default one, and keeps the best. Room is first charged with what
// persists, then, where no placement fits, with everything; then the least bad placement is
// repaired.
[[nodiscard]] SearchResult judge_schedules(
    const Problem& problem, const SearchOptions& options, const std::string& name,
    const UnitTable& units, const std::function<Schedule(const ScheduleModel&)>& make);

// For ready queues: what each op still waits for.
class ReadyTracker {
 public:
  explicit ReadyTracker(const Graph& graph);

  // Ops that wait for nothing, ascending.
  [[nodiscard]] std::vector<NodeId> initial() const;
  // The op has been scheduled: calls ready(NodeId) for every op that now waits for nothing,
  // ascending.
  template <typename Ready>
  void done(NodeId op, Ready ready) {
    for (const Use& use : graph_.uses(op)) {
      if (--waiting_[index(use.consumer)] == 0 && graph_.node(use.consumer).kind == NodeKind::kOp) {
        ready(use.consumer);
      }
    }
  }

 private:
  const Graph& graph_;
  std::vector<std::uint32_t> waiting_;  // [nodes]: uses and controls of ops
};

}  // namespace placer
