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

}  // namespace placer
