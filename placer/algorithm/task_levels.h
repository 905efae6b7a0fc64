#pragma once

// The levels of a multilevel method: a task graph and its contractions.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "placer/algorithm/task_graph.h"

namespace placer {

struct TaskLevel {
  TaskGraph graph;
  std::vector<std::uint32_t> cluster_of;  // [tasks of the level below]
};

struct CoarseningOptions {
  std::size_t target = 256;  // tasks; levels end there, or where they hardly shrink
  std::uint64_t seed = 1;
  // [tasks of `fine`]: merge only what is on one device; empty: anything.
  std::span<const std::uint8_t> together = {};
};

// The contractions of `fine`, finest first; none where it is small already. Units of a cluster keep
// a device that they all may use.
[[nodiscard]] std::deque<TaskLevel> coarsen(const TaskGraph& fine,
                                            const CoarseningOptions& options);

// A placement of clusters as one of the level below.
[[nodiscard]] std::vector<std::uint8_t> project(std::span<const std::uint8_t> coarse,
                                                std::span<const std::uint32_t> cluster_of);
// The reverse, for clusters that are each on one device.
[[nodiscard]] std::vector<std::uint8_t> restrict_to(std::span<const std::uint8_t> fine,
                                                    const TaskLevel& level);

}  // namespace placer
