#pragma once

// The units of a problem as an undirected weighted graph, for graph partitioners: vertices weigh
// their op time, edges the mean transfer time between them.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/algorithm/unit_table.h"

namespace placer {

// Adjacency in compressed form, both directions of every edge, neighbours ascending, no loops, all
// weights positive. The sum of one kind of weight is below 2^30, so that 32-bit partitioners do not
// overflow.
struct PartitionGraph {
  PartitionGraph(const Problem& problem, const UnitTable& units);

  std::vector<std::int32_t> first;        // [units + 1]
  std::vector<std::int32_t> neighbours;   // [2 x edges]
  std::vector<std::int32_t> edge_weight;  // [2 x edges]
  std::vector<std::int32_t> time;         // [units]
  std::vector<std::int32_t> memory;       // [units]: of everything a unit keeps and makes
};

// How much of the work each device should get: in proportion to its speed over the ops that it can
// run, and to the share of ops that it can run at all; sums to 1, [devices].
[[nodiscard]] std::vector<double> target_shares(const Problem& problem, const UnitTable& units);

// Parts on devices: exchanges devices between parts while that shortens the transfers over the
// links at hand, where both have room, equal targets and may run what they get; then moves what is
// where it may not be to the device that it exchanges most with.
//   part  [units], below the number of devices
[[nodiscard]] std::vector<DeviceId> map_parts(const Problem& problem, const UnitTable& units,
                                              const PartitionGraph& graph,
                                              std::span<const std::int32_t> part);

// The sum of the weights of edges between parts.
[[nodiscard]] std::int64_t cut_weight(const PartitionGraph& graph,
                                      std::span<const std::int32_t> part);

}  // namespace placer
