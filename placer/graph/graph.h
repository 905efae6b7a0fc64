#pragma once

// The computation of one step: an immutable directed acyclic graph in topological order, indexed
// both ways.
//
// Made by build_graph() from nodes in any valid order of definition; every reader and importer goes
// through it, so that a Graph in hand is always well-formed. Thread-safe: nothing changes after
// construction.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "placer/base/ids.h"
#include "placer/graph/node.h"

namespace placer {

// Where a graph came from and where its weights are.
struct GraphInfo {
  std::string name;
  std::string source;         // file that was imported, as the user named it
  std::string source_hash;    // hash_text of the program in it, or empty
  std::string producer;       // "torch 2.11.0", ...
  std::string weights;        // archive with the state's raw values (.pt2), or empty: seeded values
  std::string weights_model;  // model inside that archive
};

// One use of a node's result.
struct Use {
  static constexpr std::uint32_t kControl = std::numeric_limits<std::uint32_t>::max();
  NodeId consumer{};
  std::uint32_t output = 0;  // kControl: the consumer only waits
};

class Graph {
 public:
  [[nodiscard]] const GraphInfo& info() const { return info_; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }
  [[nodiscard]] const Node& node(NodeId id) const { return nodes_[index(id)]; }
  [[nodiscard]] std::optional<NodeId> find(std::string_view name) const;

  // Uses of all outputs of `id`, ordered by consumer, then output; each (consumer, output) once.
  [[nodiscard]] std::span<const Use> uses(NodeId id) const;
  // Nodes that must have ended before `id` starts, beyond the producers of its inputs: its `after`
  // list, and for an op that writes in place every earlier reader of that storage, through views
  // too. Ascending, each once, no producer of an input.
  [[nodiscard]] std::span<const NodeId> controls(NodeId id) const;

  // Tensors are numbered by node, then output.
  [[nodiscard]] std::size_t num_tensors() const { return storage_.size(); }
  [[nodiscard]] std::size_t tensor_index(TensorRef ref) const {
    return first_tensor_[index(ref.node)] + ref.output;
  }
  [[nodiscard]] const TensorSpec& tensor(TensorRef ref) const {
    return nodes_[index(ref.node)].outputs[ref.output];
  }
  // The tensor that owns the memory of `ref`: itself, or the end of its chain of aliases.
  [[nodiscard]] TensorRef storage(TensorRef ref) const { return storage_[tensor_index(ref)]; }

  // Nodes that can only work on one device: those of one colocation key, views with their base,
  // in-place ops with what they write, outputs with their producer (new values of a state with that
  // state). Classes are dense, numbered by their first node.
  [[nodiscard]] std::size_t num_colocation_classes() const { return num_classes_; }
  [[nodiscard]] std::uint32_t colocation_class(NodeId id) const { return class_of_[index(id)]; }

  // Content hash over all that matters to a placement (nodes, edges, arguments, shapes; not times,
  // not file names).
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  friend class GraphBuilder;

  GraphInfo info_;
  std::vector<Node> nodes_;
  std::vector<NodeId> by_name_;           // ascending by name
  std::vector<std::uint32_t> first_use_;  // [size + 1]
  std::vector<Use> uses_;
  std::vector<std::uint32_t> first_control_;  // [size + 1]
  std::vector<NodeId> controls_;
  std::vector<std::uint32_t> first_tensor_;  // [size + 1]
  std::vector<TensorRef> storage_;           // [num_tensors]
  std::vector<std::uint32_t> class_of_;      // [size]
  std::size_t num_classes_ = 0;
  std::string hash_;
};

// What is wrong with the nodes of a graph, and which node it is.
struct GraphDefect {
  NodeId node{};
  std::string field;  // "inputs[0]", "mutates", "name", ...
  std::string text;
};

// Nodes as a file lists them: `inputs`, `after` and `target` may refer to nodes in any order; ids
// are positions in `nodes`. The result's nodes are in topological order (stable: ascending position
// among those that are ready), ids renumbered. Checks: unique non-empty names, ids and outputs in
// range, arguments and aliases that point to existing inputs, kinds with the fields they need, no
// cycle, nobody reads a storage's old name after an in-place write, sums of bytes below 2^62.
//   returns  the graph, or the first defect in node order
[[nodiscard]] std::variant<Graph, GraphDefect> build_graph(GraphInfo info, std::vector<Node> nodes);

// The same for callers that made the nodes themselves: throws LogicError on a defect.
[[nodiscard]] Graph build_graph_or_die(GraphInfo info, std::vector<Node> nodes);

}  // namespace placer
