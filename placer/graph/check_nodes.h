#pragma once

// The checks of build_graph() that look at one node at a time.

#include <optional>
#include <vector>

#include "placer/graph/graph.h"

namespace placer {

// The first defect in node order that can be seen without following edges; afterwards every index
// in the nodes is in range.
[[nodiscard]] std::optional<GraphDefect> check_nodes(const std::vector<Node>& nodes);

}  // namespace placer
