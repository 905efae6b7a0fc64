#include "placer/formats/annotate.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace placer {
namespace {

bool is_gradient(const Node& node) {
  return node.kind == NodeKind::kOutput && node.pass == Pass::kBackward;
}

// The source or op whose memory output `ref` shows.
std::size_t base_of(const std::vector<Node>& nodes, TensorRef ref) {
  while (nodes[index(ref.node)].outputs[ref.output].alias_of) {
    const Node& view = nodes[index(ref.node)];
    ref = view.inputs[*view.outputs[ref.output].alias_of];
  }
  return index(ref.node);
}

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kUint16:
    case DType::kUint32:
    case DType::kUint64:
      return true;
    default:
      return false;
  }
}

// --- modules ---

class Modules {
 public:
  Modules(std::vector<Node>& nodes, std::vector<bool>& known) : nodes_(nodes), known_(known) {}

  void run() {
    find_gradient_owners();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind == NodeKind::kOp && !known_[i]) {
        known_[i] = assign(nodes_[i], i);
      }
    }
    // Outputs of no state belong where their value was made.
    for (Node& node : nodes_) {
      if (node.kind == NodeKind::kOutput && !node.target) {
        node.module = nodes_[index(node.inputs[0].node)].module;
      }
    }
  }

 private:
  // Backward from gradient outputs through views to the op that computes the gradient.
  void find_gradient_owners() {
    gradient_of_.resize(nodes_.size());
    for (const Node& node : nodes_) {
      if (node.kind != NodeKind::kOutput || node.output_role != OutputRole::kGradient) {
        continue;
      }
      TensorRef ref = node.inputs[0];
      for (;;) {
        const Node& maker = nodes_[index(ref.node)];
        gradient_of_[index(ref.node)] = *node.target;
        const bool passes_on = maker.kind == NodeKind::kOp && !maker.inputs.empty() &&
                               (maker.outputs[ref.output].alias_of || maker.op == "aten.clone");
        if (!passes_on) {
          break;
        }
        ref = maker.inputs[maker.outputs[ref.output].alias_of.value_or(0)];
      }
    }
  }

  bool assign(Node& node, std::size_t position) {
    if (owned_by(node, StateRole::kParameter)) {
      return true;
    }
    const bool backward = node.pass == Pass::kBackward;
    if (backward && gradient_of_[position]) {
      node.module = nodes_[index(*gradient_of_[position])].module;
      return true;
    }
    return owned_by(node, StateRole::kBuffer) || (backward && inherit(node, true)) ||
           inherit(node, false);
  }

  bool owned_by(Node& node, StateRole role) {
    for (const TensorRef input : node.inputs) {
      const Node& base = nodes_[base_of(nodes_, input)];
      if (base.kind == NodeKind::kState && base.state_role == role) {
        node.module = base.module;
        return true;
      }
    }
    return false;
  }

  bool inherit(Node& node, bool from_forward) {
    std::optional<std::size_t> latest;
    for (const TensorRef input : node.inputs) {
      const std::size_t producer = index(input.node);
      const bool usable = nodes_[producer].kind == NodeKind::kOp && known_[producer] &&
                          (!from_forward || nodes_[producer].pass == Pass::kForward);
      if (usable && (!latest || producer > *latest)) {
        latest = producer;
      }
    }
    if (latest) {
      node.module = nodes_[*latest].module;
    }
    return latest.has_value();
  }

  std::vector<Node>& nodes_;
  std::vector<bool>& known_;
  std::vector<std::optional<NodeId>> gradient_of_;  // [nodes]: parameter
};

// --- ranges ---

// Operators that hand integers on unchanged.
constexpr std::array<std::string_view, 7> kSameValues{
    "aten.clone",   "aten._to_copy", "aten.to", "aten.contiguous",
    "aten.reshape", "aten.flatten",  "aten.cat"};

const Argument* argument_of(const Node& node, std::uint32_t input) {
  for (const Argument& argument : node.arguments) {
    if (const auto* one = std::get_if<InputArgument>(&argument.value);
        one != nullptr && one->input == input) {
      return &argument;
    }
    if (const auto* list = std::get_if<InputListArgument>(&argument.value)) {
      if (std::find(list->inputs.begin(), list->inputs.end(), input) != list->inputs.end()) {
        return &argument;
      }
    }
  }
  return nullptr;
}

const ArgumentValue* value_of(const Node& node, std::string_view name) {
  const auto found = std::find_if(node.arguments.begin(), node.arguments.end(),
                                  [&](const Argument& argument) { return argument.name == name; });
  return found == node.arguments.end() ? nullptr : &found->value;
}

std::optional<std::int64_t> integer_of(const Node& node, std::string_view name) {
  const ArgumentValue* value = value_of(node, name);
  const std::int64_t* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

// Size of dimension `dim` of tensor argument `name`; a negative `dim` counts from the end.
std::optional<std::int64_t> size_of(const std::vector<Node>& nodes, const Node& node,
                                    std::string_view name, std::int64_t dim) {
  const ArgumentValue* value = value_of(node, name);
  const auto* input = value == nullptr ? nullptr : std::get_if<InputArgument>(value);
  if (input == nullptr) {
    return std::nullopt;
  }
  const TensorRef ref = node.inputs[input->input];
  const auto& shape = nodes[index(ref.node)].outputs[ref.output].shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  dim += dim < 0 ? rank : 0;
  return dim < 0 || dim >= rank ? std::nullopt
                                : std::optional(shape[static_cast<std::size_t>(dim)]);
}

std::optional<std::int64_t> class_count(const std::vector<Node>& nodes, const Node& node) {
  const auto classes = size_of(nodes, node, "self", 1);
  return classes ? classes : size_of(nodes, node, "self", 0);
}

// How many different values `node` accepts in its input number `input`; nothing when it does not
// say.
std::optional<std::int64_t> bound_of(const std::vector<Node>& nodes, const Node& node,
                                     std::uint32_t input) {
  const Argument* argument = argument_of(node, input);
  if (argument == nullptr) {
    return std::nullopt;
  }
  const std::string_view name = argument->name;
  const std::string_view op = node.op;
  if (name == "target" && (op.starts_with("aten.nll_loss") || op == "aten.cross_entropy_loss")) {
    return class_count(nodes, node);
  }
  if (name == "self" && op == "aten.one_hot") {
    return integer_of(node, "num_classes");
  }
  if (name == "index") {
    return size_of(nodes, node, "self", integer_of(node, "dim").value_or(0));
  }
  if (name != "indices") {
    return std::nullopt;
  }
  if (const auto* list = std::get_if<InputListArgument>(&argument->value)) {
    const auto at =
        std::find(list->inputs.begin(), list->inputs.end(), input) - list->inputs.begin();
    return size_of(nodes, node, "self", at);
  }
  if (const auto rows = size_of(nodes, node, "weight", 0)) {
    return rows;
  }
  const auto rows = integer_of(node, "num_weights");
  return rows ? rows : size_of(nodes, node, "self", integer_of(node, "dim").value_or(0));
}

}  // namespace

void mark_passes(std::vector<Node>& nodes) {
  if (std::none_of(nodes.begin(), nodes.end(), is_gradient)) {
    return;
  }
  std::vector<bool> forward(nodes.size(), false);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const Node& node = nodes[i];
    const bool wanted = node.kind == NodeKind::kOutput && !is_gradient(node);
    if (forward[i] || wanted) {
      for (const TensorRef input : node.inputs) {
        forward[index(input.node)] = true;
      }
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind == NodeKind::kOp) {
      nodes[i].pass = forward[i] ? Pass::kForward : Pass::kBackward;
    }
  }
}

void assign_modules(std::vector<Node>& nodes, std::vector<bool>& known) {
  Modules(nodes, known).run();
}

std::vector<std::string> infer_ranges(std::vector<Node>& nodes) {
  // For each tensor that holds an input's values: the input's position.
  std::vector<std::optional<std::size_t>> holds(nodes.size());
  std::vector<std::optional<std::int64_t>> bound(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.kind == NodeKind::kInput && is_integer(node.outputs[0].dtype)) {
      holds[i] = i;
    }
    for (std::uint32_t k = 0; k < node.inputs.size(); ++k) {
      const auto source = holds[index(node.inputs[k].node)];
      if (!source || node.kind != NodeKind::kOp) {
        continue;
      }
      if (const auto limit = bound_of(nodes, node, k); limit && *limit > 0) {
        bound[*source] = std::min(bound[*source].value_or(*limit), *limit);
      }
      const bool view = std::any_of(node.outputs.begin(), node.outputs.end(),
                                    [&](const TensorSpec& output) { return output.alias_of == k; });
      if (view || std::find(kSameValues.begin(), kSameValues.end(), node.op) != kSameValues.end()) {
        holds[i] = source;
      }
    }
  }
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (holds[i] != i) {
      continue;
    }
    if (!bound[i]) {
      unknown.push_back(nodes[i].name);
    }
    nodes[i].range = {0, bound[i].value_or(2)};
  }
  return unknown;
}

}  // namespace placer
