#pragma once

// A directed acyclic graph whose nodes are merged two at a time and that stays acyclic. Keeps a
// topological order of what is left, in the way of Pearce and Kelly (ACM JEA 2006): a merge
// reorders only what lies between its two nodes.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "placer/base/disjoint_sets.h"

namespace placer {

class MergingDag {
 public:
  // Nodes 0..size-1 are in topological order: every edge goes from a lower to a higher number.
  // Edges may repeat.
  MergingDag(std::size_t size, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& edges);

  // The node that x was merged into.
  [[nodiscard]] std::uint32_t find(std::uint32_t x) const { return merged_.find(x); }
  [[nodiscard]] std::size_t num_left() const { return num_left_; }
  // Nodes left, in topological order.
  [[nodiscard]] std::vector<std::uint32_t> order() const;
  // Neighbours of a node that is left: ascending, each once.
  [[nodiscard]] const std::vector<std::uint32_t>& successors(std::uint32_t x);
  [[nodiscard]] const std::vector<std::uint32_t>& predecessors(std::uint32_t x);
  // The next and previous node in topological order, or kNone.
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  [[nodiscard]] std::uint32_t after(std::uint32_t x) const;
  [[nodiscard]] std::uint32_t before(std::uint32_t x) const;

  // Merges the two nodes, which are left and differ, unless that makes a cycle: a path between them
  // through a third node.
  //   returns  the one of both that stays, or kNone when nothing was done
  //   cost     O(nodes and edges between them in the order)
  std::uint32_t merge(std::uint32_t a, std::uint32_t b);

 private:
  bool reaches_indirectly(std::uint32_t from, std::uint32_t to);
  const std::vector<std::uint32_t>& cleaned(std::vector<std::uint32_t>& list, std::uint32_t self);

  DisjointSets merged_;
  std::vector<std::vector<std::uint32_t>> successors_;
  std::vector<std::vector<std::uint32_t>> predecessors_;
  std::vector<std::uint32_t> position_;  // of a node that is left
  std::vector<std::uint32_t> at_;        // node at a position, or kNone
  std::vector<std::uint32_t> seen_;      // stamp of the last search that met the node
  std::vector<std::uint32_t> stack_;
  std::uint32_t stamp_ = 0;
  std::size_t num_left_;
};

}  // namespace placer
