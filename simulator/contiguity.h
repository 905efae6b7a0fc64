#pragma once

// Whether a device's forward ops can run as one piece: no path may leave a device and come back.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/base/ids.h"
#include "placer/graph/graph.h"
#include "simulator/load_tables.h"

namespace placer::sim {

// Thread-compatible: has scratch memory.
class Contiguity {
 public:
  Contiguity(const Graph& graph, const UnitMap& units);

  // The first forward op, in topological order, that a path from its own device reaches through
  // another device; nothing: the choice is contiguous.
  //   choice  [units]
  //   cost    O(forward ops and edges between them)
  [[nodiscard]] std::optional<NodeId> first_reentry(std::span<const DeviceId> choice);

 private:
  struct Op {
    NodeId node;
    std::uint32_t unit;
    std::uint32_t last_source;  // end of its edges in source_
  };
  std::vector<Op> ops_;                // in topological order
  std::vector<std::uint32_t> source_;  // position in ops_ of each op that an edge comes from
  std::vector<std::uint64_t> left_;    // [ops]: devices that some path to it has left
};

}  // namespace placer::sim
