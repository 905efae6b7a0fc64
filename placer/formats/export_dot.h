#pragma once

// A placement as a picture for Graphviz.

#include <cstddef>
#include <span>
#include <string>

#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"

namespace placer {

struct DotOptions {
  std::size_t max_boxes = 200;  // more cannot be read
};

// A frame per device, a box per op, red arrows with bytes where a tensor crosses. With more than
// max_boxes ops the boxes are the ops of one module, pass and device, of the deepest level of
// modules at which there are few enough.
//   weight  [graph.size()]: microseconds of each node, shown in the boxes; zeros: not shown
[[nodiscard]] std::string write_dot(const Graph& graph, const Cluster& cluster,
                                    const Placement& placement, std::span<const double> weight,
                                    const DotOptions& options = {});

}  // namespace placer
