#pragma once

// A placement built as a list scheduler builds it, one task after the other, and what a policy sees
// of the devices each time: columns that mean the same whatever the graph's units and sizes. Times
// are those of ListState: both ends of links are booked, and what comes later is appended.
//
// Sources (what exists before the step begins) are no decisions: they go where they are read first.
// Not thread-safe.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/list_state.h"

namespace placer::policy {

class ScheduleReader {
 public:
  // With m the mean task time, t the task and d the device, columns of a row, in this order:
  //   finish    log(1 + (earliest end of t on d - that on the best device) / m)
  //   best      1 where it ends earliest, ties included
  //   late      the same difference / (difference + mean time of t)
  //   start     log(1 + (earliest start on d - that on the best device) / m)
  //   wait      log(1 + how long d would be idle before it / m)
  //   moved     log(1 + time for which transfers to d would hold links / m)
  //   inputs    share of the time of its inputs' transfers that is on d already
  //   critical  1 where its input that ends last is
  //   siblings  share on d of the scheduled tasks that share a reader with it
  //   load      log((work on d + m) / (mean work of the devices + m))
  //   empty     1 where nothing is
  //   speed     log(time on d / shortest time)
  //   room      bytes left on d after what t's unit keeps / memory of d, in [-1, 1]
  //   left      the same after all that it produces besides
  static constexpr std::size_t kWidth = 14;
  // Where they are, for who gives a column a meaning of its own.
  static constexpr std::size_t kFinish = 0;
  static constexpr std::size_t kBest = 1;
  static constexpr std::size_t kMoved = 5;
  static constexpr std::size_t kInputs = 6;
  static constexpr std::size_t kLoad = 9;
  static constexpr std::size_t kEmpty = 10;
  static constexpr std::size_t kSpeed = 11;
  static constexpr std::size_t kRoom = 12;

  // Keeps a reference to `graph`.
  explicit ScheduleReader(const TaskGraph& graph);

  // Begins a schedule.
  void reset();

  // The devices that the task may take now, never none: the one that its unit is on, else the
  // allowed ones that still have room for what the unit keeps, else the one with most room.
  [[nodiscard]] std::uint64_t open(std::uint32_t task) const { return state_.open(task, {}); }
  // Features of the devices in `among`; other rows are left as they are.
  //   task  not scheduled, but all that it reads
  //   rows  [devices, kWidth]
  //   cost  O(devices x (reads + devices))
  void read(std::uint32_t task, std::uint64_t among, std::span<float> rows);
  // Schedules it there.
  void place(std::uint32_t task, std::uint32_t device);

  // The device of every task; sources that nothing reads go where most room is.
  [[nodiscard]] std::vector<std::uint8_t> devices() { return state_.devices({}); }
  // When the last task ends, in picoseconds.
  [[nodiscard]] std::int64_t makespan() const { return makespan_; }

 private:
  struct Trial {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::int64_t held = 0;
  };
  void find_siblings();
  void try_devices(std::uint32_t task, std::uint64_t among);
  // What is on which device of the inputs, and of the siblings.
  void weigh_neighbours(std::uint32_t task);

  const TaskGraph& graph_;
  ListState state_;
  double unit_;                               // picoseconds
  std::vector<std::uint32_t> first_sibling_;  // [tasks + 1]
  std::vector<std::uint32_t> sibling_;

  std::vector<bool> scheduled_;         // [tasks]
  std::vector<std::int64_t> end_;       // [tasks]
  std::vector<std::int64_t> free_;      // [devices]
  std::vector<std::int64_t> work_;      // [devices]
  std::vector<std::int64_t> produced_;  // [devices]: bytes beyond what is kept
  std::vector<bool> charged_;           // [units]
  std::int64_t makespan_ = 0;
  double total_work_ = 0;

  // Of the task that was read last, [devices].
  std::vector<Trial> trials_;
  std::vector<double> inputs_;
  std::vector<double> siblings_;
  std::uint32_t critical_ = 0;
};

}  // namespace placer::policy
