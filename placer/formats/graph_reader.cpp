#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "placer/formats/graph_arguments.h"
#include "placer/formats/graph_fields.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::int64_t kMostBytes = (std::int64_t{1} << 62) - 1;
constexpr std::size_t kMostNodes = std::size_t{1} << 26;
constexpr std::size_t kUsualNodeBytes = 400;  // of text: to reserve memory by

// Reads nodes one by one. References to nodes that come later wait until all names are known.
class NodesReader {
 public:
  // `expected`: about how many nodes there will be.
  NodesReader(std::string file, std::size_t expected) : file_(std::move(file)) {
    constexpr std::size_t kMostReserved = 1'000'000;
    nodes_.reserve(std::min(expected, kMostReserved));
    ids_.reserve(std::min(expected, kMostReserved));
  }

  void read(JsonView json, std::size_t position) {
    if (position >= kMostNodes) {
      json.fail("more than " + std::to_string(kMostNodes) + " nodes");
    }
    Node node;
    if (const auto kind = json.find("kind")) {
      node.kind = read_kind(*kind);
    }
    json.only_keys(keys_of(node.kind), "a node of kind \"" + std::string(name_of(node.kind)) + '"');
    read_common(json, node);
    switch (node.kind) {
      case NodeKind::kOp:
        read_op(json, node);
        break;
      case NodeKind::kOutput:
        read_output(json, node);
        break;
      default:
        read_source(json, node);
    }
    nodes_.push_back(std::move(node));
    first_time_.push_back(times_.size());
  }

  // To be called once all nodes were read.
  void resolve_waiting() {
    for (const Waiting& waiting : waiting_) {
      const auto found = ids_.find(waiting.name);
      if (found == ids_.end()) {
        fail_unknown(waiting);
      }
      Node& node = nodes_[waiting.node];
      const NodeId id = id_at<NodeId>(found->second);
      switch (waiting.field) {
        case Field::kInput:
          node.inputs[waiting.position].node = id;
          break;
        case Field::kAfter:
          node.after[waiting.position] = id;
          break;
        case Field::kTarget:
          node.target = id;
      }
    }
  }

  [[nodiscard]] std::vector<Node> take_nodes() { return std::move(nodes_); }
  [[nodiscard]] std::size_t size() const { return first_time_.size() - 1; }
  // Where in the file the node stands that stands at `sorted` in the graph.
  [[nodiscard]] std::size_t position(std::string_view name, std::size_t sorted) const {
    return names_[sorted] == name ? sorted : ids_.at(name);
  }

  // Times of the node at `position` of the file, one per kind; empty when the file gives none.
  [[nodiscard]] std::span<const std::optional<OpTime>> times(std::size_t position) const {
    return std::span(times_).subspan(first_time_[position],
                                     first_time_[position + 1] - first_time_[position]);
  }

 private:
  enum class Field : std::uint8_t { kInput, kAfter, kTarget };
  struct Waiting {
    std::uint32_t node;
    Field field;
    std::uint32_t position;
    std::string name;
  };

  void read_common(JsonView json, Node& node) {
    const JsonView name = json.at("name", "the node's name");
    node.name = name.as_name("a name");
    if (node.name.find('#') != std::string::npos) {
      name.fail("a name cannot hold '#', which separates it from an output's number");
    }
    names_.push_back(node.name);
    const auto [first, fresh] =
        ids_.emplace(names_.back(), static_cast<std::uint32_t>(nodes_.size()));
    if (!fresh) {
      name.fail("\"" + node.name + "\" is the name of nodes[" + std::to_string(first->second) +
                "] too");
    }
    if (const auto pass = json.find("pass")) {
      node.pass = read_pass(*pass);
    }
    read_text(json, "module", node.module);
    read_text(json, "colocate", node.colocate);
    if (const auto outputs = json.find("outputs")) {
      node.outputs.reserve(outputs->size());
      for (const JsonView output : outputs->elements("a list of tensors")) {
        node.outputs.push_back(read_tensor(output));
      }
    }
  }

  static void read_text(JsonView json, std::string_view key, std::string& text) {
    if (const auto member = json.find(key)) {
      text = member->as_string();
    }
  }

  void read_op(JsonView json, Node& node) {
    node.op = json.at("op", "an operator such as \"aten.relu\"")
                  .as_name("an operator such as \"aten.relu\"");
    node.overload = "default";
    read_text(json, "overload", node.overload);
    read_edges(json, node);
    if (const auto args = json.find("args")) {
      node.arguments.reserve(args->size());
      for (const JsonView argument : args->members("an object: parameter -> value")) {
        node.arguments.push_back({std::string(argument.key()), read_argument(argument)});
      }
    }
    if (const auto mutates = json.find("mutates")) {
      for (const JsonView input : mutates->elements("a list of numbers of inputs")) {
        node.mutates.push_back(read_input_number(input));
      }
    }
    if (const auto workspace = json.find("workspace_bytes")) {
      node.workspace = workspace->as_bytes(0, kMostBytes);
    }
    if (const auto resident = json.find("resident_bytes")) {
      node.resident = resident->as_bytes(0, kMostBytes);
    }
    if (const auto times = json.find("time_us")) {
      for (const JsonView entry :
           times->elements("a list with one time for each entry of \"times\"")) {
        times_.push_back(read_op_time(entry));
      }
    }
  }

  void read_output(JsonView json, Node& node) {
    read_edges(json, node);
    if (const auto role = json.find("role")) {
      node.output_role = read_output_role(*role);
    }
    read_target(json, node);
  }

  void read_source(JsonView json, Node& node) {
    read_text(json, "origin", node.origin);
    if (const auto role = json.find("role")) {
      node.state_role = read_state_role(*role);
    }
    read_target(json, node);
    if (const auto range = json.find("range")) {
      for (const JsonView bound : range->elements("[low, high)")) {
        node.range.push_back(bound.as_integer(INT64_MIN, INT64_MAX, "an integer of 64 bits"));
      }
      if (node.range.size() != 2) {
        range->fail("expected two integers: [low, high)");
      }
    }
    if (const auto values = json.find("values")) {
      node.values.reserve(values->size());
      for (const JsonView value : values->elements("a list of numbers")) {
        node.values.push_back(read_any_double(value));
      }
    }
  }

  void read_target(JsonView json, Node& node) {
    if (const auto target = json.find("target")) {
      node.target = refer(Field::kTarget, 0, target->as_name("the name of a node"));
    }
  }

  void read_edges(JsonView json, Node& node) {
    if (const auto inputs = json.find("inputs")) {
      node.inputs.reserve(inputs->size());
      for (const JsonView input : inputs->elements("a list of \"node\" or \"node#output\"")) {
        node.inputs.push_back(
            read_reference(input, static_cast<std::uint32_t>(node.inputs.size())));
      }
    }
    if (const auto after = json.find("after")) {
      for (const JsonView before : after->elements("a list of names of nodes")) {
        const auto position = static_cast<std::uint32_t>(node.after.size());
        node.after.push_back(refer(Field::kAfter, position, before.as_name("the name of a node")));
      }
    }
  }

  // "node" is its output 0, "node#2" its output 2.
  TensorRef read_reference(JsonView json, std::uint32_t position) {
    std::string_view name = json.as_name("\"node\" or \"node#output\"");
    TensorRef ref;
    if (const std::size_t mark = name.find('#'); mark != std::string_view::npos) {
      const char* const end = name.data() + name.size();
      const auto parsed = std::from_chars(name.data() + mark + 1, end, ref.output);
      if (parsed.ec != std::errc{} || parsed.ptr != end) {
        json.fail_expected("the number of an output after '#'");
      }
      name = name.substr(0, mark);
    }
    ref.node = refer(Field::kInput, position, name);
    return ref;
  }

  NodeId refer(Field field, std::uint32_t position, std::string_view name) {
    if (const auto found = ids_.find(name); found != ids_.end()) {
      return id_at<NodeId>(found->second);
    }
    waiting_.push_back(
        {static_cast<std::uint32_t>(nodes_.size()), field, position, std::string(name)});
    return {};
  }

  [[noreturn]] void fail_unknown(const Waiting& waiting) const {
    std::string where = "nodes[" + std::to_string(waiting.node) + "]";
    if (waiting.field == Field::kTarget) {
      where += ".target";
    } else {
      where += (waiting.field == Field::kInput ? ".inputs[" : ".after[") +
               std::to_string(waiting.position) + "]";
    }
    const std::vector<std::string> known(names_.begin(), names_.end());
    throw Error(ErrorKind::kBadInput, file_, where,
                "unknown node \"" + waiting.name + "\"" + did_you_mean(waiting.name, known));
  }

  std::string file_;
  std::vector<Node> nodes_;
  std::deque<std::string> names_;  // what `ids_` points into
  std::unordered_map<std::string_view, std::uint32_t> ids_;
  std::vector<Waiting> waiting_;
  std::vector<std::optional<OpTime>> times_;
  std::vector<std::size_t> first_time_{0};  // [nodes + 1]
};

// Distributes the nodes' times over the kinds, in the order of the graph.
OpTimes join_times(const Graph& graph, const NodesReader& reader, std::vector<KindTimes> kinds,
                   const std::string& file) {
  const auto fail = [&](std::size_t position, const std::string& text) {
    throw Error(ErrorKind::kBadInput, file, "nodes[" + std::to_string(position) + "].time_us",
                text);
  };
  for (KindTimes& kind : kinds) {
    kind.ops.resize(graph.size());
  }
  std::vector<SimTime> total(kinds.size());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const std::size_t position = reader.position(graph.node(id_at<NodeId>(i)).name, i);
    const auto times = reader.times(position);
    if (!times.empty() && times.size() != kinds.size()) {
      fail(position, "expected " + std::to_string(kinds.size()) +
                         " times, one for each entry of \"times\", found " +
                         std::to_string(times.size()));
    }
    for (std::size_t k = 0; k < times.size(); ++k) {
      kinds[k].ops[i] = times[k];
      if (times[k]) {
        const SimTime longest =
            std::max({times[k]->time, times[k]->minimum, times[k]->busy.value_or(SimTime{})});
        if (longest > kMaxSimTime - total[k]) {
          fail(position, "all times of \"" + kinds[k].kind + "\" together exceed 26 days");
        }
        total[k] += longest;
      }
    }
  }
  OpTimes result;
  for (KindTimes& kind : kinds) {
    result.set(std::move(kind));
  }
  return result;
}

}  // namespace

Workload read_graph(std::string_view text, const std::string& file) {
  constexpr std::array<std::string_view, 6> kKeys{"format", "version", "name",
                                                  "source", "times",   "nodes"};
  check_header(text, file, "placer.graph");
  NodesReader reader(file, text.size() / kUsualNodeBytes);
  const JsonDocument document = parse_json(
      text, file,
      {"nodes", [&](JsonView node, std::size_t position) { reader.read(node, position); }});
  const JsonView root = document.root();
  root.only_keys(kKeys, "a graph");
  if (const JsonView nodes = root.at("nodes", "a list of nodes"); !nodes.is_array()) {
    nodes.fail_expected("a list of nodes");
  }
  GraphInfo info = read_info(root);
  std::vector<KindTimes> kinds = read_kinds(root);
  reader.resolve_waiting();
  auto built = build_graph(std::move(info), reader.take_nodes());
  if (const auto* defect = std::get_if<GraphDefect>(&built)) {
    std::string where = "nodes";
    if (reader.size() != 0) {
      where += "[" + std::to_string(index(defect->node)) + "]";
    }
    where += (defect->field.empty() ? "" : ".") + defect->field;
    throw Error(ErrorKind::kBadInput, file, where, defect->text);
  }
  Workload workload{std::get<Graph>(std::move(built)), {}};
  workload.times = join_times(workload.graph, reader, std::move(kinds), file);
  return workload;
}

}  // namespace placer
