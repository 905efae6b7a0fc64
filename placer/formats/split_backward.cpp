#include "placer/formats/split_backward.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace placer {
namespace {

constexpr std::string_view kOp = "aten.convolution_backward";
constexpr std::size_t kResults = 3;  // grad_input, grad_weight, grad_bias
using Mask = std::array<bool, kResults>;

std::vector<bool>* mask_of(Node& node) {
  if (node.op != kOp || node.outputs.size() > kResults) {
    return nullptr;
  }
  for (Argument& argument : node.arguments) {
    auto* mask = std::get_if<std::vector<bool>>(&argument.value);
    if (argument.name == "output_mask" && mask != nullptr && mask->size() == kResults) {
      return mask;
    }
  }
  return nullptr;
}

// The op with only the results of `keep`.
Node masked(Node node, const Mask& keep) {
  mask_of(node)->assign(keep.begin(), keep.end());
  for (std::size_t k = 0; k < node.outputs.size(); ++k) {
    if (!keep[k]) {
      node.outputs[k] = TensorSpec{};
    }
  }
  while (!node.outputs.empty() && !keep[node.outputs.size() - 1]) {
    node.outputs.pop_back();
  }
  return node;
}

std::vector<Mask> used_results(const std::vector<Node>& nodes) {
  std::vector<Mask> used(nodes.size(), Mask{});
  for (const Node& node : nodes) {
    for (const TensorRef input : node.inputs) {
      if (input.output < kResults) {
        used[index(input.node)][input.output] = true;
      }
    }
  }
  return used;
}

// Where the results of an old node are now: number 0 (grad_input) in `first`, the others in `rest`.
struct Moved {
  NodeId first{};
  NodeId rest{};
};

void renumber(std::vector<Node>& nodes, const std::vector<Moved>& moved) {
  for (Node& node : nodes) {
    for (TensorRef& input : node.inputs) {
      const Moved& to = moved[index(input.node)];
      input.node = input.output == 0 ? to.first : to.rest;
    }
    std::vector<NodeId> after;
    for (const NodeId before : node.after) {
      const Moved& to = moved[index(before)];
      after.push_back(to.first);
      if (to.rest != to.first) {
        after.push_back(to.rest);
      }
    }
    node.after = std::move(after);
    if (node.target) {
      node.target = moved[index(*node.target)].first;
    }
  }
}

}  // namespace

std::vector<Node> split_backward(std::vector<Node> nodes) {
  const std::vector<Mask> used = used_results(nodes);
  std::vector<Node> result;
  result.reserve(nodes.size() + nodes.size() / 8);
  std::vector<Moved> moved(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeId id = id_at<NodeId>(result.size());
    moved[i] = {id, id};
    const std::vector<bool>* mask = mask_of(nodes[i]);
    if (mask == nullptr) {
      result.push_back(std::move(nodes[i]));
      continue;
    }
    const Mask keep{(*mask)[0] && used[i][0], (*mask)[1] && used[i][1], (*mask)[2] && used[i][2]};
    if (!keep[0] || !(keep[1] || keep[2])) {
      const bool any = keep[0] || keep[1] || keep[2];
      result.push_back(any ? masked(std::move(nodes[i]), keep) : std::move(nodes[i]));
      continue;
    }
    Node input_gradient = masked(nodes[i], {true, false, false});
    input_gradient.name += ".dx";
    Node weight_gradient = masked(std::move(nodes[i]), {false, keep[1], keep[2]});
    weight_gradient.name += ".dw";
    moved[i].rest = id_at<NodeId>(result.size() + 1);
    result.push_back(std::move(input_gradient));
    result.push_back(std::move(weight_gradient));
  }
  renumber(result, moved);
  return result;
}

}  // namespace placer
