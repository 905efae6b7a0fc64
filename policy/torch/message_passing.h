#pragma once

// Reads a graph: every node's embedding from its features and those of its neighbours, by
// GraphSAGE's mean aggregation (Hamilton, Ying, Leskovec, NeurIPS 2017) in both directions. With x
// the features, h the embeddings:
//   h_0 = relu(W_in x + b_in)
//   h_l = h_(l-1) + relu(W_self h_(l-1) + W_before mean over predecessors of h_(l-1)
//                        + W_after mean over successors of h_(l-1) + b)
// A mean over nothing is 0. Nothing depends on the graph's size: weights read any graph.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "policy/torch/weights.h"

namespace placer::policy {

// Each node's neighbours: those of node v are nodes[first[v]..first[v + 1]).
struct NeighbourLists {
  at::Tensor first;  // [N + 1] int64
  at::Tensor nodes;  // int64
};

struct GraphEdges {
  NeighbourLists predecessors;
  NeighbourLists successors;
};

// From (from, to) pairs; several of one pair count several times.
[[nodiscard]] GraphEdges to_edges(std::size_t num_nodes,
                                  std::span<const std::pair<std::uint32_t, std::uint32_t>> pairs,
                                  at::Device device = at::kCPU);

// [N, width]: mean of the neighbours' rows of x [N, width]; differentiable.
[[nodiscard]] at::Tensor mean_over(const at::Tensor& x, const NeighbourLists& neighbours);

struct MessagePassingOptions {
  std::int64_t features = 0;  // columns of x
  std::int64_t width = 0;     // of an embedding
  std::int64_t layers = 0;    // how far a node sees
};

class MessagePassing {
 public:
  // Adds its weights to `parameters`, with names that begin with `prefix`.
  MessagePassing(Weights& parameters, const std::string& prefix,
                 const MessagePassingOptions& options);

  // [N, width] from [N, features]; differentiable.
  [[nodiscard]] at::Tensor encode(const at::Tensor& features, const GraphEdges& edges) const;

 private:
  struct Layer {
    at::Tensor weight;  // [width, 3 width]: self, before, after
    at::Tensor bias;    // [width]
  };
  Layer input_;
  std::vector<Layer> layers_;
};

}  // namespace placer::policy
