#pragma once

// A problem's graph and costs as flat arrays, and the same contracted: what methods for large
// graphs walk through in their loops. Nodes of the problem's graph are tasks, in the same order;
// contracted tasks are clusters of tasks.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

struct TaskGraph {
  static constexpr std::uint16_t kHandOff = 0xFFFF;

  std::uint32_t num_tasks = 0;
  std::uint32_t num_devices = 0;
  std::vector<std::int64_t> time;       // [tasks x devices], picoseconds; 0 where not allowed
  std::vector<std::int64_t> mean_time;  // [tasks], over the devices that support the task
  std::vector<bool> takes_device;       // [tasks]: false for inputs, state, constants and outputs

  // Values: what tasks hand to others, by their producer. The readers of a value ascend, each once.
  std::vector<std::uint32_t> first_value;   // [tasks + 1]
  std::vector<std::uint32_t> first_reader;  // [values + 1]
  std::vector<std::uint32_t> reader;        // [reads]
  std::vector<std::uint32_t> producer;      // [values]
  std::vector<std::int64_t> occupancy;      // [values x link classes], picoseconds; -1: a signal
  std::vector<std::int64_t> mean_transfer;  // [values]: over all pairs of devices
  std::vector<std::uint32_t> first_input;   // [tasks + 1]
  std::vector<std::uint32_t> input;         // [reads]: values that the task reads

  // Links, by [from x devices + to].
  std::uint32_t num_classes = 0;          // links of one speed
  std::uint32_t num_buses = 1;            // bus 0 is none
  std::vector<std::uint16_t> link_class;  // kHandOff: nothing is copied, nothing held
  std::vector<std::int64_t> latency;      // picoseconds
  std::vector<std::uint32_t> bus;

  // Tasks of one unit share a device. Dense; units of contracted graphs hold whole units of this.
  std::vector<std::uint32_t> unit_of;    // [tasks]
  std::vector<std::uint64_t> allowed;    // [units]: mask of devices
  std::vector<std::int64_t> persistent;  // [units]: bytes held from step to step
  std::vector<std::int64_t> bytes;       // [units]: those, and all that its ops produce
  std::vector<std::int64_t> limit;       // [devices]: bytes

  [[nodiscard]] std::size_t num_values() const { return producer.size(); }
  [[nodiscard]] std::size_t num_units() const { return allowed.size(); }
  [[nodiscard]] std::int64_t time_on(std::uint32_t task, std::uint32_t device) const {
    return time[std::size_t{task} * num_devices + device];
  }
  [[nodiscard]] std::uint32_t link(std::uint32_t from, std::uint32_t to) const {
    return from * num_devices + to;
  }
  // What exists before the step begins.
  [[nodiscard]] bool is_source(std::uint32_t task) const {
    return !takes_device[task] && first_input[task] == first_input[task + 1];
  }
  // How long the value holds both ends of the link; negative: it holds nothing (a hand-off, or a
  // signal).
  [[nodiscard]] std::int64_t hold(std::uint32_t value, std::uint32_t link_index) const {
    const std::uint16_t of = link_class[link_index];
    return of == kHandOff ? -1 : occupancy[std::size_t{value} * num_classes + of];
  }
};

[[nodiscard]] TaskGraph make_task_graph(const Problem& problem);

// Clusters of tasks as tasks. Values of a cluster with the same readers become one, as long as all
// of them; a cluster hands out its values when all of its tasks have ended.
//   cluster_of  [tasks], dense, in a topological order of the clusters
[[nodiscard]] TaskGraph contract(const TaskGraph& fine, std::span<const std::uint32_t> cluster_of,
                                 std::size_t clusters);

// The longest remaining time from the start of each task, with mean times (HEFT's upward rank).
[[nodiscard]] std::vector<std::int64_t> upward_ranks(const TaskGraph& graph);

}  // namespace placer
