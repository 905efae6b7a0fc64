#include "placer/formats/unused_views.h"

#include <algorithm>
#include <utility>

namespace placer {
namespace {

bool only_views(const Node& node) {
  return node.kind == NodeKind::kOp && node.mutates.empty() && !node.outputs.empty() &&
         std::all_of(node.outputs.begin(), node.outputs.end(),
                     [](const TensorSpec& output) { return output.alias_of.has_value(); });
}

std::vector<bool> find_kept(const std::vector<Node>& nodes) {
  std::vector<bool> used(nodes.size(), false);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const Node& node = nodes[i];
    if (only_views(node) && !used[i]) {
      continue;
    }
    used[i] = true;
    for (const TensorRef input : node.inputs) {
      used[index(input.node)] = true;
    }
    for (const NodeId before : node.after) {
      used[index(before)] = true;
    }
    if (node.target) {
      used[index(*node.target)] = true;
    }
  }
  return used;
}

}  // namespace

void drop_unused_views(std::vector<Node>& nodes, std::vector<bool>& flags) {
  const std::vector<bool> kept = find_kept(nodes);
  std::vector<NodeId> new_id(nodes.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    new_id[i] = id_at<NodeId>(count);
    if (kept[i]) {
      flags[count] = flags[i];
      if (count != i) {
        nodes[count] = std::move(nodes[i]);
      }
      ++count;
    }
  }
  nodes.resize(count);
  flags.resize(count);
  for (Node& node : nodes) {
    for (TensorRef& input : node.inputs) {
      input.node = new_id[index(input.node)];
    }
    for (NodeId& before : node.after) {
      before = new_id[index(before)];
    }
    if (node.target) {
      node.target = new_id[index(*node.target)];
    }
  }
}

}  // namespace placer
