#include "placer/graph/write_hazards.h"

#include <string>

namespace placer {

WriteHazards::WriteHazards(const Graph& graph)
    : graph_(graph),
      storages_(graph.num_tensors()),
      version_(graph.num_tensors(), 0),
      controls_(graph.size()) {
  for (const Node& node : graph.nodes()) {
    for (const std::uint32_t input : node.mutates) {
      storage_of(node.inputs[input]).is_written = true;
    }
  }
}

std::optional<GraphDefect> WriteHazards::find() {
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    const auto id = id_at<NodeId>(i);
    if (auto defect = read_inputs(id)) {
      return defect;
    }
    for (const std::uint32_t written : graph_.node(id).mutates) {
      if (auto defect = write(id, graph_.node(id).inputs[written])) {
        return defect;
      }
    }
    name_aliases(id);
  }
  return std::nullopt;
}

std::optional<GraphDefect> WriteHazards::read_inputs(NodeId id) {
  const Node& node = graph_.node(id);
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const TensorRef ref = node.inputs[k];
    Storage& storage = storage_of(ref);
    if (version_[graph_.tensor_index(ref)] != storage.writes) {
      return GraphDefect{id, "inputs[" + std::to_string(k) + "]",
                         "\"" + graph_.node(ref.node).name +
                             "\" was written in place before: read the writer's result instead"};
    }
    if (storage.is_written) {
      storage.readers.push_back(id);
    }
  }
  return std::nullopt;
}

std::optional<GraphDefect> WriteHazards::write(NodeId id, TensorRef written) {
  const Node& owner = graph_.node(graph_.storage(written).node);
  if (owner.kind == NodeKind::kInput || owner.kind == NodeKind::kConstant) {
    return GraphDefect{id, "mutates",
                       "writes in place to \"" + owner.name + "\", which is not state"};
  }
  Storage& storage = storage_of(written);
  for (const NodeId reader : storage.readers) {
    if (reader == id) {
      continue;
    }
    const Node& node = graph_.node(reader);
    if (node.kind == NodeKind::kOutput) {
      return GraphDefect{id, "mutates", "writes over what output \"" + node.name + "\" keeps"};
    }
    controls_[index(id)].push_back(reader);
  }
  // Later users depend on this write by data, since they read its result.
  storage.readers.clear();
  ++storage.writes;
  return std::nullopt;
}

void WriteHazards::name_aliases(NodeId id) {
  const Node& node = graph_.node(id);
  for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
    if (node.outputs[k].alias_of) {
      const TensorRef ref{id, k};
      version_[graph_.tensor_index(ref)] = storage_of(ref).writes;
    }
  }
}

}  // namespace placer
