#pragma once

// A graph flattened for execution: everything a worker looks up while it runs, in dense arrays.
// Needs no LibTorch.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"

namespace placer::profile {

// Lists of one type for every node: items[first[i] .. first[i + 1]).
struct Lists {
  std::vector<std::uint32_t> first{0};
  std::vector<std::uint32_t> items;

  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t i) const {
    return {items.data() + first[i], items.data() + first[i + 1]};
  }
  void end_list() { first.push_back(static_cast<std::uint32_t>(items.size())); }
};

// What does not depend on the placement. Tensors are numbered as Graph::tensor_index does; a step's
// values are the results of ops, the values of sources (input, state, constant) stay between steps.
struct Program {
  std::vector<std::uint32_t> ops;  // node indices of kind kOp, ascending
  // [nodes]: ops that must have ended before the op starts.
  std::vector<std::uint32_t> dependencies;
  Lists successors;  // [nodes]: ops that wait for it
  Lists inputs;      // [nodes]: tensors, as Node::inputs
  Lists releases;    // [nodes]: values whose last reader it may be, each once
  // [tensors]: ops that release it; one more where the step's end needs it.
  std::vector<std::uint32_t> readers;
  std::vector<std::uint32_t> storage;  // [tensors]: the tensor that owns the memory
  std::vector<std::uint32_t> handles;  // [tensors]: values of the step that keep this storage alive
  std::vector<std::int64_t> bytes;     // [tensors]: of storages that ops allocate, else 0
  std::vector<std::int64_t> allocates;  // [nodes]: results' bytes
  std::vector<std::uint32_t> node_of;   // [tensors]
  std::vector<std::uint32_t> sources;   // node indices of sources
};

[[nodiscard]] Program make_program(const Graph& graph);

// The rest: who runs what in which order.
struct Lowered {
  std::vector<std::uint32_t> device;              // [nodes]
  std::vector<std::vector<std::uint32_t>> order;  // [devices]: its ops by priority, then index
  std::vector<std::uint32_t> rank;                // [nodes]: position in its device's order
  // [devices]: ranks that wait for nothing, ascending.
  std::vector<std::vector<std::uint32_t>> ready;
  std::vector<Bytes> resident;  // [devices]: bytes of sources
};

// `priority`: [nodes] or empty (the graph's order), for a placement without its own.
[[nodiscard]] Lowered lower(const Graph& graph, const Cluster& cluster, const Program& program,
                            const Placement& placement, std::span<const std::int64_t> priority);

}  // namespace placer::profile
