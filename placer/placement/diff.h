#pragma once

// What moved between two placements, told by whole modules where these moved as one.

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace placer {

// A node of both placements.
struct PlacedNode {
  std::string path;  // dotted: "layer1.0.conv1", the node's own name last
  std::string from;  // its device in the first placement
  std::string to;    // in the second
};

struct MovedPart {
  std::string path;  // of the node, or of the module that holds all `nodes`; empty: every node
  std::size_t nodes = 1;
  bool whole_module = false;
  std::string from;
  std::string to;

  bool operator==(const MovedPart&) const = default;
};

// The fewest parts that tell what moved: a module is one part when all of its nodes went from one
// device to one other. By path.
//   cost  O(n log n)
[[nodiscard]] std::vector<MovedPart> moved_parts(std::vector<PlacedNode> nodes);

}  // namespace placer
