#pragma once

// Removes views that nobody reads: they would only be run.

#include <vector>

#include "placer/graph/node.h"

namespace placer {

// Drops ops that write nothing and whose results are all views, when no input, control edge or
// target names them, until none is left.
//   nodes  in an order of execution; ids are renumbered
//   flags  [nodes], an attribute that is kept beside them
void drop_unused_views(std::vector<Node>& nodes, std::vector<bool>& flags);

}  // namespace placer
