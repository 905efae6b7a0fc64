#pragma once

// What list schedulers over a task graph keep of a schedule under way: where units are, when tasks
// end, and until when both ends of each link are taken.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/task_graph.h"

namespace placer {

struct ListOptions {
  std::uint64_t devices = ~std::uint64_t{0};  // mask; a unit that may use none of them ignores it
  // What a new transfer costs beside its delay: so many times as long as it holds a link.
  double price = 0;
  // [tasks] where readers are expected (empty: unknown), at the same price.
  std::span<const std::uint8_t> expected = {};
  // [units], with `expected`: nonzero for units that stay as expected; empty: none.
  std::span<const std::uint8_t> frozen = {};
};

// What a placement must fit into, as far as a schedule can tell; overdrawn where nothing else is
// left.
struct Room {
  std::vector<std::int64_t> bytes;  // [devices]
  // Units are counted with all that they produce, not with what they keep only.
  bool count_all_bytes = false;
};

class ListState {
 public:
  explicit ListState(const TaskGraph& graph);

  // Begins a schedule; what is frozen is fixed.
  void reset(const Room& room, const ListOptions& options);

  // Gives the task's unit, where it has none yet, the device on which the task ends earliest, with
  // the price, when the devices are free at `free` [devices]; and its sources the same.
  std::uint32_t choose(std::uint32_t task, std::span<const std::int64_t> free,
                       const ListOptions& options);
  // The same in parts, for who chooses by a rule of their own. Devices that the task may take: the
  // one that its unit is on, else those with room, else the one with most room.
  [[nodiscard]] std::uint64_t open(std::uint32_t task, const ListOptions& options) const;
  // When the task's inputs would be on the device, and for how long new transfers would hold links.
  struct Trial {
    std::int64_t ready = 0;
    std::int64_t held = 0;
  };
  [[nodiscard]] Trial probe(std::uint32_t task, std::uint32_t device) {
    return receive(task, device, false);
  }
  // Gives the task's unit, where it has none yet, the device, and its sources, where they may use
  // it, the same.
  void take(std::uint32_t task, std::uint32_t device);
  // kNone: none yet.
  static constexpr std::uint8_t kNone = 0xFF;
  [[nodiscard]] std::uint8_t device_of(std::uint32_t task) const {
    return fixed_[graph_.unit_of[task]];
  }
  // Bytes that are left, [devices]; negative where overdrawn.
  [[nodiscard]] std::span<const std::int64_t> room() const { return room_.bytes; }
  // Reserves links for the task's inputs; returns when the last one arrives.
  std::int64_t reserve(std::uint32_t task, std::uint32_t device) {
    return receive(task, device, true).ready;
  }
  void set_end(std::uint32_t task, std::int64_t end) { end_[task] = end; }
  // The device of every task; what has none yet goes where most room is.
  [[nodiscard]] std::vector<std::uint8_t> devices(const ListOptions& options);

 private:
  [[nodiscard]] std::uint64_t candidates(std::uint32_t unit, const ListOptions& options) const;
  // What the task's transfers to the expected devices of its readers would hold links for.
  void price_readers(std::uint32_t task, std::uint64_t among,
                     std::span<const std::uint8_t> expected);
  Trial receive(std::uint32_t task, std::uint32_t device, bool keep);
  void fix(std::uint32_t unit, std::uint32_t device);
  [[nodiscard]] std::uint32_t roomiest(std::uint64_t among) const;
  [[nodiscard]] std::int64_t bytes(std::uint32_t unit) const {
    return room_.count_all_bytes ? graph_.bytes[unit] : graph_.persistent[unit];
  }

  const TaskGraph& graph_;
  std::vector<std::uint8_t> fixed_;    // [units]
  std::vector<std::int64_t> end_;      // [tasks]
  std::vector<std::int64_t> arrival_;  // [values x devices]; -1: not sent there
  std::vector<std::int64_t> egress_;   // [devices]
  std::vector<std::int64_t> ingress_;  // [devices]
  std::vector<std::int64_t> trial_egress_;
  std::vector<std::int64_t> bus_;
  Room room_;                               // that is left
  std::vector<std::int64_t> readers_hold_;  // [devices]
};

}  // namespace placer
