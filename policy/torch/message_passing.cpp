#include "policy/torch/message_passing.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding_bag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>

namespace placer::policy {
namespace {

constexpr std::int64_t kMeanMode = 1;  // of embedding_bag

template <typename Key, typename Value>
NeighbourLists to_lists(std::size_t num_nodes,
                        std::span<const std::pair<std::uint32_t, std::uint32_t>> pairs,
                        at::Device device, Key key, Value value) {
  NeighbourLists lists;
  lists.first = at::empty({static_cast<std::int64_t>(num_nodes) + 1}, at::kLong);
  lists.nodes = at::empty({static_cast<std::int64_t>(pairs.size())}, at::kLong);
  auto* first = lists.first.mutable_data_ptr<std::int64_t>();
  auto* nodes = lists.nodes.mutable_data_ptr<std::int64_t>();
  std::fill_n(first, num_nodes + 1, std::int64_t{0});
  for (const auto& pair : pairs) ++first[key(pair) + 1];
  for (std::size_t v = 0; v < num_nodes; ++v) first[v + 1] += first[v];
  std::vector<std::int64_t> next(first, first + num_nodes);
  for (const auto& pair : pairs) nodes[next[key(pair)]++] = value(pair);
  return {.first = lists.first.to(device), .nodes = lists.nodes.to(device)};
}

}  // namespace

GraphEdges to_edges(std::size_t num_nodes,
                    std::span<const std::pair<std::uint32_t, std::uint32_t>> pairs,
                    at::Device device) {
  const auto from = [](const auto& pair) { return pair.first; };
  const auto to = [](const auto& pair) { return pair.second; };
  return {.predecessors = to_lists(num_nodes, pairs, device, to, from),
          .successors = to_lists(num_nodes, pairs, device, from, to)};
}

at::Tensor mean_over(const at::Tensor& x, const NeighbourLists& neighbours) {
  return std::get<0>(at::embedding_bag(x, neighbours.nodes, neighbours.first,
                                       /*scale_grad_by_freq=*/false, kMeanMode, /*sparse=*/false,
                                       /*per_sample_weights=*/{}, /*include_last_offset=*/true));
}

MessagePassing::MessagePassing(Weights& parameters, const std::string& prefix,
                               const MessagePassingOptions& options) {
  const std::int64_t width = options.width;
  // He's bound for what is followed by relu.
  const double bound = std::sqrt(6.0 / static_cast<double>(options.features));
  input_.weight = parameters.add(prefix + "input.weight", {width, options.features}, bound);
  input_.bias = parameters.add(prefix + "input.bias", {width}, 0.1);
  for (std::int64_t l = 0; l < options.layers; ++l) {
    const std::string name = prefix + "layer" + std::to_string(l);
    Layer layer;
    layer.weight = parameters.add(name + ".weight", {width, 3 * width},
                                  1 / std::sqrt(static_cast<double>(width)));
    layer.bias = parameters.add(name + ".bias", {width}, 0.1);
    layers_.push_back(std::move(layer));
  }
}

at::Tensor MessagePassing::encode(const at::Tensor& features, const GraphEdges& edges) const {
  at::Tensor h = at::relu(at::linear(features, input_.weight, input_.bias));
  for (const Layer& layer : layers_) {
    const at::Tensor seen =
        at::cat({h, mean_over(h, edges.predecessors), mean_over(h, edges.successors)}, 1);
    h = h + at::relu(at::linear(seen, layer.weight, layer.bias));
  }
  return h;
}

}  // namespace placer::policy
