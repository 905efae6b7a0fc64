#include "simulator/contiguity.h"

namespace placer::sim {

Contiguity::Contiguity(const Graph& graph, const UnitMap& units) {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::vector<std::uint32_t>> sources(graph.size());
  std::vector<std::uint32_t> position(graph.size(), kNone);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    if (node.kind != NodeKind::kOp || node.pass != Pass::kForward) {
      continue;
    }
    position[v] = static_cast<std::uint32_t>(ops_.size());
    source_.insert(source_.end(), sources[v].begin(), sources[v].end());
    ops_.push_back(
        {id_at<NodeId>(v), units.unit_of[v], static_cast<std::uint32_t>(source_.size())});
    std::uint32_t last = kNone;
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      const auto consumer = static_cast<std::uint32_t>(index(use.consumer));
      if (consumer != last) {
        sources[consumer].push_back(position[v]);
        last = consumer;
      }
    }
  }
  left_.resize(ops_.size());
}

std::optional<NodeId> Contiguity::first_reentry(std::span<const DeviceId> choice) {
  std::uint32_t edge = 0;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    const Op& op = ops_[i];
    const std::uint64_t here = std::uint64_t{1} << index(choice[op.unit]);
    std::uint64_t left = 0;
    for (; edge < op.last_source; ++edge) {
      const std::uint32_t source = source_[edge];
      left |= left_[source];
      left |= (std::uint64_t{1} << index(choice[ops_[source].unit])) & ~here;
    }
    if ((left & here) != 0) {
      return op.node;
    }
    left_[i] = left;
  }
  return std::nullopt;
}

}  // namespace placer::sim
