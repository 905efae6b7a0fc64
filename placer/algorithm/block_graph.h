#pragma once

// What contiguous methods place: blocks, the smallest sets of nodes that a contiguous split cannot
// divide, and the tensors between them.

#include <cstdint>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/crossing_tensors.h"
#include "placer/cost/load_model.h"

namespace placer {

struct BlockGraph {
  // Constraints' units, then strongly connected components of them, since a path that leaves a
  // component comes back to it. Only forward nodes order blocks: a training step's backward ops go
  // with the forward ops that they share a unit with. A backward or update op without such a unit
  // goes with the block of its last input; inputs, state and constants go with their first reader
  // where both may be on one device.
  explicit BlockGraph(const Problem& problem);

  [[nodiscard]] std::size_t size() const { return nodes.size(); }

  std::vector<std::vector<NodeId>> nodes;            // [blocks], in a topological order
  std::vector<std::vector<std::uint32_t>> before;    // [blocks]: blocks that must come earlier
  std::vector<std::vector<std::uint32_t>> after;     // [blocks]
  std::vector<std::uint64_t> allowed;                // [blocks]: devices; 0 where nodes disagree
  std::vector<Bytes> memory;                         // [blocks]
  std::vector<std::uint32_t> block_of;               // [nodes]
  std::vector<CrossingTensor> tensors;               // those read by another block
  std::vector<std::vector<std::uint32_t>> owned;     // [blocks]: tensors
  std::vector<std::vector<std::uint32_t>> received;  // [blocks]: tensors of others that it reads
  bool attached = false;  // some node went with a block that the constraints do not tie it to

 private:
  void add_tensors(const Graph& graph);
};

}  // namespace placer
