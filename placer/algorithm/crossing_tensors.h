#pragma once

// Tensors between the parts of a divided graph.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/graph/graph.h"

namespace placer {

struct CrossingTensor {
  TensorRef ref;
  std::uint32_t owner = 0;             // part
  std::vector<std::uint32_t> readers;  // parts other than the owner, ascending, each once
};

// Those with readers, by producer and output.
//   part_of  [nodes]
[[nodiscard]] std::vector<CrossingTensor> crossing_tensors(const Graph& graph,
                                                           std::span<const std::uint32_t> part_of);

}  // namespace placer
