#pragma once

// The loop of ETF and SCT: again and again the op and device that can start first.

#include <cstdint>
#include <optional>
#include <vector>

#include "placer/algorithm/earliest_queue.h"
#include "placer/algorithm/list_schedule.h"

namespace placer {

class EarliestFirst {
 public:
  // favourite  [nodes]: the op's favourite child, or itself for none; empty: nobody has one (ETF).
  //            A device that has just run an op waits for its favourite child: another op starts
  //            there only when its inputs could be on any device that it may use (it is urgent).
  EarliestFirst(const Problem& problem, const UnitTable& units, const ScheduleModel& model,
                std::vector<NodeId> favourite);

  [[nodiscard]] Schedule run();

 private:
  struct Choice {
    EarliestQueue::Entry entry;
    DeviceId device{};
  };
  enum class State : std::uint8_t { kWaiting, kReady, kHomeless, kDone };

  void add_ready(NodeId op);
  // False when the op cannot start on the device any more.
  [[nodiscard]] bool keep(NodeId op, DeviceId device);
  [[nodiscard]] std::optional<Choice> next();
  [[nodiscard]] std::optional<EarliestQueue::Entry> first_on(DeviceId device);
  // The unscheduled favourite child that the device keeps itself free for.
  [[nodiscard]] std::optional<NodeId> awaited(DeviceId device) const;
  [[nodiscard]] SimTime start(NodeId op, DeviceId device) const {
    return std::max(schedule_.free(device), schedule_.arrival(op, device));
  }

  PartialSchedule schedule_;
  ReadyTracker tracker_;
  std::vector<NodeId> favourite_;
  std::vector<EarliestQueue> arrivals_;  // [devices]: by arrival of the inputs there
  std::vector<EarliestQueue> urgent_;    // [devices]: by arrival on every device; with favourites
  std::vector<std::optional<NodeId>> last_op_;  // [devices]
  std::vector<State> state_;                    // [nodes]
  std::vector<std::uint64_t> shut_;             // [nodes]: devices that the op was dropped from
  std::vector<NodeId> homeless_;                // ready ops that no device has room for
};

}  // namespace placer
