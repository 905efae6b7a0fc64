#pragma once

// What a policy sees of every node, in columns that mean the same whatever the graph's units, its
// number of nodes and the cluster's number of devices: weights that were learned on one graph read
// another. No names, no op types.

#include <cstdint>
#include <vector>

#include "placer/algorithm/task_graph.h"

namespace placer::policy {

// With m the mean time of a task that takes time, CP the longest path with mean times, in
// make_node_features' order:
//   time         log(1 + mean time / m)
//   spread       log(longest / shortest time over the devices that it may use)
//   in, out      log(1 + mean time of all transfers in, out / m)
//   degree       log(1 + tasks that it reads), log(1 + tasks that read it)
//   top          longest path that ends where it starts / CP
//   bottom       longest path from its start on / CP (HEFT's upward rank)
//   slack        1 - top - bottom
//   memory       share of its unit's lasting bytes, and of those and all that it produces, in the
//                memory of a device (mean over devices)
//   allowed      share of the devices that it may use
//   unit         log(tasks of its unit)
//   kind         1 if it takes a device; 1 if it exists before the step begins
//   position     index / tasks, in the graph's topological order: tells apart what is otherwise alike,
//                such as the same layer of two micro-batches
// and, the same for all nodes:
//   parallelism  log(all mean times / (CP * devices)), / 4
//   traffic      log(all mean transfers / all mean times), / 4, within 8
//   devices      log(their number), / 2
//   fill         bytes of all units / memory of all devices, at most 2
struct NodeFeatures {
  static constexpr std::size_t kWidth = 20;
  static constexpr std::size_t kRanks = 3;

  std::vector<float> numbers;  // [tasks, kWidth]
  // [tasks, kRanks] in units of m: `bottom`, the same with free transfers, `top`. Not scaled by CP:
  // what one more op on the way is worth depends on the graph's size in `bottom`, and not here.
  std::vector<float> ranks;
};

[[nodiscard]] NodeFeatures make_node_features(const TaskGraph& graph);

// Mean of mean_time over tasks that take time, in picoseconds; at least 1.
[[nodiscard]] double mean_task_time(const TaskGraph& graph);

}  // namespace placer::policy
