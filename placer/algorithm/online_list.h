#pragma once

// List scheduling in the order of time: a task gets its device when its last input exists, the one
// where it would end earliest behind all that is waiting there; a device runs what has arrived, the
// most urgent first. Runtimes do the same while a program runs (Augonnet, Thibault, Namyst,
// Wacrenier: StarPU, CCPE 23(2), 2011: "dmda" with sorted queues); here both ends of links are
// booked too, and transfers have a price. What it leaves idle is about what the step leaves idle,
// where schedulers by rank append to devices that will wait.

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/list_state.h"
#include "placer/base/min_heap.h"

namespace placer {

struct OrderedPlacement {
  std::vector<std::uint8_t> device;  // [tasks]
  std::vector<std::uint32_t> order;  // [tasks], topological: as they start; empty: by upward rank
};

class OnlineList {
 public:
  explicit OnlineList(const TaskGraph& graph);

  //   order  [tasks], the most urgent first
  //   cost   O(reads x devices + V log V)
  [[nodiscard]] OrderedPlacement run(std::span<const std::uint32_t> order, const Room& room,
                                     const ListOptions& options);

 private:
  enum class Kind : std::uint8_t { kEnd, kArrived };
  struct Event {
    std::int64_t time = 0;
    Kind kind = Kind::kEnd;
    std::uint32_t task = 0;
    auto operator<=>(const Event&) const = default;
  };
  struct Device {
    bool busy = false;
    std::int64_t until = 0;        // end of the last task that started
    std::int64_t queued = 0;       // time of tasks that are given to it and have not started
    MinHeap<std::uint32_t> ready;  // places
  };

  void reset(std::span<const std::uint32_t> order);
  void handle(const Event& event);
  void hand_out(std::uint32_t task);
  void assign_released(const ListOptions& options);
  void start_tasks();

  const TaskGraph& graph_;
  ListState state_;
  std::span<const std::uint32_t> by_place_;  // the given order
  std::vector<std::uint32_t> place_;         // [tasks]: position in it
  std::vector<std::uint32_t> waiting_;       // [tasks]: inputs that do not exist yet
  std::vector<std::uint8_t> device_;         // [tasks]
  std::vector<Device> devices_;
  std::vector<std::int64_t> free_;       // [devices]
  std::vector<std::uint32_t> released_;  // tasks whose last input has come to exist now
  MinHeap<Event> events_;
  std::vector<std::uint32_t> started_;
  std::int64_t now_ = 0;
};

}  // namespace placer
