#include "placer/graph/graph.h"

#include <algorithm>

namespace placer {
namespace {

template <typename T>
std::span<const T> slice(const std::vector<T>& items, const std::vector<std::uint32_t>& first,
                         NodeId id) {
  const std::uint32_t begin = first[index(id)];
  return std::span<const T>(items).subspan(begin, first[index(id) + 1] - begin);
}

}  // namespace

std::optional<NodeId> Graph::find(std::string_view name) const {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](NodeId id, std::string_view sought) { return node(id).name < sought; });
  if (found == by_name_.end() || node(*found).name != name) {
    return std::nullopt;
  }
  return *found;
}

std::span<const Use> Graph::uses(NodeId id) const {
  return slice(uses_, first_use_, id);
}

std::span<const NodeId> Graph::controls(NodeId id) const {
  return slice(controls_, first_control_, id);
}

bool Graph::exists_before_step(NodeId id) const {
  const Node* at = &node(id);
  while (at->kind == NodeKind::kOp) {
    // A pure view: one output that shares an input's storage, nothing written, no other input.
    if (at->inputs.size() != 1 || !at->mutates.empty() || at->outputs.empty()) {
      return false;
    }
    for (const TensorSpec& output : at->outputs) {
      if (!output.alias_of) {
        return false;
      }
    }
    at = &node(at->inputs[0].node);
  }
  return at->kind != NodeKind::kOutput;
}

}  // namespace placer
