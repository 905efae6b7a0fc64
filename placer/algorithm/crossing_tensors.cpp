#include "placer/algorithm/crossing_tensors.h"

#include <algorithm>
#include <utility>

namespace placer {

std::vector<CrossingTensor> crossing_tensors(const Graph& graph,
                                             std::span<const std::uint32_t> part_of) {
  std::vector<CrossingTensor> tensors;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (std::uint32_t output = 0; output < graph.nodes()[v].outputs.size(); ++output) {
      CrossingTensor tensor{.ref = {id_at<NodeId>(v), output}, .owner = part_of[v], .readers = {}};
      for (const Use& use : graph.uses(tensor.ref.node)) {
        const std::uint32_t reader = part_of[index(use.consumer)];
        if (use.output == output && reader != tensor.owner) {
          tensor.readers.push_back(reader);
        }
      }
      std::ranges::sort(tensor.readers);
      tensor.readers.erase(std::unique(tensor.readers.begin(), tensor.readers.end()),
                           tensor.readers.end());
      if (!tensor.readers.empty()) {
        tensors.push_back(std::move(tensor));
      }
    }
  }
  return tensors;
}

}  // namespace placer
