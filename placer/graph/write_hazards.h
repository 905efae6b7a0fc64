#pragma once

// In-place writes: what must come before them, and which are refused.

#include <cstdint>
#include <optional>
#include <vector>

#include "placer/graph/graph.h"

namespace placer {

// One walk along the topological order, by which readers and writers of a storage are before or
// after one another: the file's own order where that is valid.
class WriteHazards {
 public:
  // The graph's nodes and tensors are indexed; `graph` outlives it.
  explicit WriteHazards(const Graph& graph);

  // The first node that uses an old name of what was written in place, or writes over what must
  // stay.
  [[nodiscard]] std::optional<GraphDefect> find();
  // [nodes]: readers that must end before the node writes; after find().
  [[nodiscard]] const std::vector<std::vector<NodeId>>& controls() const { return controls_; }

 private:
  struct Storage {
    std::vector<NodeId> readers;  // since the last write; where it is written
    std::uint32_t writes = 0;
    bool is_written = false;  // by any op of the graph
  };

  [[nodiscard]] Storage& storage_of(TensorRef tensor) {
    return storages_[graph_.tensor_index(graph_.storage(tensor))];
  }
  std::optional<GraphDefect> read_inputs(NodeId id);
  std::optional<GraphDefect> write(NodeId id, TensorRef written);
  void name_aliases(NodeId id);

  const Graph& graph_;
  std::vector<Storage> storages_;       // [tensors]
  std::vector<std::uint32_t> version_;  // [tensors]: writes that the tensor's name has seen
  std::vector<std::vector<NodeId>> controls_;
};

}  // namespace placer
