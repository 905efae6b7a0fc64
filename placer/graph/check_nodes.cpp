#include "placer/graph/check_nodes.h"

#include <string>
#include <unordered_map>

namespace placer {
namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;

std::string at(const char* list, std::size_t position) {
  return std::string(list) + "[" + std::to_string(position) + "]";
}

// Collects the first defect of one node.
class NodeCheck {
 public:
  NodeCheck(const std::vector<Node>& nodes, std::size_t position)
      : nodes_(nodes), node_(nodes[position]), id_(id_at<NodeId>(position)) {}

  std::optional<GraphDefect> run() {
    check_name();
    check_edges();
    check_outputs();
    check_arguments();
    switch (node_.kind) {
      case NodeKind::kOp:
        require(!node_.op.empty(), "op", "is missing, expected an operator such as aten.relu");
        break;
      case NodeKind::kOutput:
        check_output_node();
        break;
      default:
        check_source();
    }
    if (node_.kind != NodeKind::kOp) {
      require(node_.mutates.empty(), "mutates", "only an op can write in place");
      require(node_.arguments.empty(), "args", "only an op has arguments");
    }
    return defect_;
  }

 private:
  void require(bool condition, const std::string& field, const std::string& text) {
    if (!condition && !defect_) {
      defect_ = GraphDefect{id_, field, text};
    }
  }

  void check_name() {
    require(!node_.name.empty(), "name", "is empty");
    require(
        node_.name.find('#') == std::string::npos, "name",
        "\"" + node_.name + "\" holds '#', which separates a node's name from an output's number");
  }

  void check_edges() {
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const TensorRef ref = node_.inputs[i];
      const bool known = index(ref.node) < nodes_.size();
      require(known, at("inputs", i), "there is no such node");
      if (known) {
        const Node& producer = nodes_[index(ref.node)];
        require(ref.output < producer.outputs.size(), at("inputs", i),
                "node \"" + producer.name + "\" has " + std::to_string(producer.outputs.size()) +
                    " outputs, expected one numbered " + std::to_string(ref.output));
      }
    }
    for (std::size_t i = 0; i < node_.after.size(); ++i) {
      require(index(node_.after[i]) < nodes_.size(), at("after", i), "there is no such node");
    }
    require(!node_.target || index(*node_.target) < nodes_.size(), "target",
            "there is no such node");
  }

  void check_outputs() {
    require(node_.resident.count >= 0 && node_.resident.count < kMostBytes, "resident_bytes",
            "out of range");
    require(node_.workspace.count >= 0 && node_.workspace.count < kMostBytes, "workspace_bytes",
            "is out of range");
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const TensorSpec& output = node_.outputs[i];
      require(output.bytes.count >= 0 && output.bytes.count < kMostBytes, at("outputs", i),
              "its bytes are out of range");
      if (output.dtype != DType::kOpaque) {
        require(bytes_of(output.dtype, output.shape) == output.bytes, at("outputs", i),
                "its bytes do not fit its shape");
      }
      require(
          !output.alias_of || *output.alias_of < node_.inputs.size(),
          at("outputs", i) + ".alias_of",
          "expected the number of one of its " + std::to_string(node_.inputs.size()) + " inputs");
    }
    for (std::size_t i = 0; i < node_.mutates.size(); ++i) {
      require(
          node_.mutates[i] < node_.inputs.size(), at("mutates", i),
          "expected the number of one of its " + std::to_string(node_.inputs.size()) + " inputs");
    }
  }

  void check_arguments() {
    for (std::size_t i = 0; i < node_.arguments.size(); ++i) {
      const Argument& argument = node_.arguments[i];
      const std::string field = "args." + argument.name;
      require(!argument.name.empty(), "args", "an argument has no name");
      for (std::size_t j = 0; j < i; ++j) {
        require(node_.arguments[j].name != argument.name, field, "is given twice");
      }
      if (const auto* one = std::get_if<InputArgument>(&argument.value)) {
        check_input_number(one->input, field);
      } else if (const auto* list = std::get_if<InputListArgument>(&argument.value)) {
        for (const std::optional<std::uint32_t>& input : list->inputs) {
          check_input_number(input.value_or(0), field, input.has_value());
        }
      }
    }
  }

  void check_input_number(std::uint32_t input, const std::string& field, bool given = true) {
    require(!given || input < node_.inputs.size(), field,
            "refers to input " + std::to_string(input) + ", the node has " +
                std::to_string(node_.inputs.size()));
  }

  void check_output_node() {
    require(node_.inputs.size() == 1, "inputs", "an output node has exactly one input");
    require(node_.outputs.empty(), "outputs", "an output node has none");
    const bool to_state =
        node_.output_role == OutputRole::kGradient || node_.output_role == OutputRole::kStateWrite;
    require(!to_state || (node_.target && kind_of(*node_.target) == NodeKind::kState), "target",
            "expected the state node that it belongs to");
  }

  void check_source() {
    require(node_.inputs.empty() && node_.after.empty(), "inputs",
            std::string("a node of kind ") + std::string(name_of(node_.kind)) + " has none");
    require(node_.outputs.size() == 1, "outputs",
            std::string("a node of kind ") + std::string(name_of(node_.kind)) + " has exactly one");
    if (defect_) {
      return;
    }
    require(node_.range.empty() || (node_.range.size() == 2 && node_.range[0] < node_.range[1]),
            "range", "expected [low, high) with low < high");
    std::size_t numel = 1;
    for (const std::int64_t size : node_.outputs[0].shape) {
      numel *= static_cast<std::size_t>(size);
    }
    require(node_.values.empty() || node_.values.size() == numel, "values",
            "has " + std::to_string(node_.values.size()) + " numbers, the shape needs " +
                std::to_string(numel));
  }

  [[nodiscard]] std::optional<NodeKind> kind_of(NodeId id) const {
    return index(id) < nodes_.size() ? std::optional(nodes_[index(id)].kind) : std::nullopt;
  }

  const std::vector<Node>& nodes_;
  const Node& node_;
  NodeId id_;
  std::optional<GraphDefect> defect_;
};

}  // namespace

std::optional<GraphDefect> check_nodes(const std::vector<Node>& nodes) {
  if (nodes.empty()) {
    return GraphDefect{NodeId{0}, "", "the graph has no nodes"};
  }
  std::unordered_map<std::string_view, std::size_t> seen;
  seen.reserve(nodes.size());
  std::int64_t total = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (auto defect = NodeCheck(nodes, i).run()) {
      return defect;
    }
    const auto [first, fresh] = seen.emplace(nodes[i].name, i);
    if (!fresh) {
      return GraphDefect{id_at<NodeId>(i), "name",
                         "\"" + nodes[i].name + "\" is the name of nodes[" +
                             std::to_string(first->second) + "] too"};
    }
    if (nodes[i].resident.count > kMostBytes - total) {
      return GraphDefect{id_at<NodeId>(i), "resident_bytes", "the graph exceeds 2^62 bytes"};
    }
    total += nodes[i].resident.count;
    for (const TensorSpec& output : nodes[i].outputs) {
      if (output.bytes.count > kMostBytes - total) {
        return GraphDefect{id_at<NodeId>(i), "outputs", "the graph's tensors exceed 2^62 bytes"};
      }
      total += output.bytes.count;
    }
  }
  return std::nullopt;
}

}  // namespace placer
