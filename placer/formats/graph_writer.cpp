#include <algorithm>
#include <string>
#include <utility>

#include "placer/formats/formats.h"
#include "placer/formats/graph_arguments.h"
#include "placer/formats/json_text.h"

namespace placer {
namespace {

// One node, on one line; what equals the default is left out.
class NodeWriter {
 public:
  NodeWriter(std::string& out, const Workload& workload, NodeId id)
      : out_(out),
        workload_(workload),
        id_(id),
        node_(workload.graph.node(id)),
        members_(out, ", ") {}

  void write() {
    out_ += '{';
    text("name", node_.name);
    if (node_.kind != NodeKind::kOp) {
      text("kind", name_of(node_.kind));
    }
    if (node_.pass != Pass::kForward) {
      text("pass", name_of(node_.pass));
    }
    text_if("module", node_.module);
    text_if("colocate", node_.colocate);
    write_roles();
    if (node_.kind == NodeKind::kOp) {
      text("op", node_.op);
      if (node_.overload != "default") {
        text("overload", node_.overload);
      }
    }
    write_edges();
    write_arguments();
    write_outputs();
    write_values();
    write_times();
    out_ += '}';
  }

 private:
  void text(std::string_view key, std::string_view value) {
    append_quoted(members_.next(key), value);
  }
  void text_if(std::string_view key, std::string_view value) {
    if (!value.empty()) {
      text(key, value);
    }
  }

  template <typename List, typename AppendOne>
  void list_if(std::string_view key, const List& values, AppendOne append_one) {
    if (values.empty()) {
      return;
    }
    members_.next(key) += '[';
    append_elements(values, append_one);
    out_ += ']';
  }

  template <typename List, typename AppendOne>
  void append_elements(const List& values, AppendOne append_one) {
    bool first = true;
    for (const auto& value : values) {
      if (!first) {
        out_ += ',';
      }
      first = false;
      append_one(value);
    }
  }

  [[nodiscard]] const std::string& name(NodeId id) const { return workload_.graph.node(id).name; }

  void write_roles() {
    if (node_.state_role != StateRole::kParameter) {
      text("role", name_of(node_.state_role));
    }
    if (node_.output_role != OutputRole::kResult) {
      text("role", name_of(node_.output_role));
    }
    if (node_.target) {
      text("target", name(*node_.target));
    }
    text_if("origin", node_.origin);
  }

  void write_edges() {
    list_if("inputs", node_.inputs, [&](TensorRef ref) {
      append_quoted(out_, ref.output == 0 ? name(ref.node)
                                          : name(ref.node) + "#" + std::to_string(ref.output));
    });
    list_if("after", node_.after, [&](NodeId before) { append_quoted(out_, name(before)); });
    list_if("mutates", node_.mutates, [&](std::uint32_t input) { append_unsigned(out_, input); });
  }

  void write_arguments() {
    if (node_.arguments.empty()) {
      return;
    }
    members_.next("args") += '{';
    JsonMembers arguments(out_, ", ");
    for (const Argument& argument : node_.arguments) {
      append_argument(arguments.next(argument.name), argument.value);
    }
    out_ += '}';
  }

  void write_outputs() {
    list_if("outputs", node_.outputs, [&](const TensorSpec& tensor) {
      out_ += '{';
      JsonMembers members(out_, ", ");
      if (tensor.dtype == DType::kOpaque) {
        append_integer(members.next("bytes"), tensor.bytes.count);
      } else {
        append_quoted(members.next("dtype"), name_of(tensor.dtype));
        members.next("shape") += '[';
        append_elements(tensor.shape, [&](std::int64_t size) { append_integer(out_, size); });
        out_ += ']';
      }
      if (tensor.transfer_us) {
        append_number(members.next("transfer_us"), *tensor.transfer_us);
      }
      if (tensor.alias_of) {
        append_unsigned(members.next("alias_of"), *tensor.alias_of);
      }
      out_ += '}';
    });
    if (node_.workspace.count != 0) {
      append_integer(members_.next("workspace_bytes"), node_.workspace.count);
    }
    if (node_.resident.count != 0) {
      append_integer(members_.next("resident_bytes"), node_.resident.count);
    }
  }

  void write_values() {
    list_if("range", node_.range, [&](std::int64_t bound) { append_integer(out_, bound); });
    list_if("values", node_.values, [&](double value) { append_any_double(out_, value); });
  }

  void write_times() {
    const auto& kinds = workload_.times.kinds();
    if (std::none_of(kinds.begin(), kinds.end(),
                     [&](const KindTimes& kind) { return kind.ops[index(id_)].has_value(); })) {
      return;
    }
    list_if("time_us", kinds, [&](const KindTimes& kind) {
      const std::optional<OpTime>& entry = kind.ops[index(id_)];
      if (!entry) {
        out_ += "null";
      } else if (entry->time == entry->minimum && !entry->busy) {
        if (entry->exact_us) {
          append_number(out_, *entry->exact_us);
        } else {
          append_microseconds(out_, entry->time);
        }
      } else {
        out_ += '[';
        append_microseconds(out_, entry->time);
        out_ += ',';
        append_microseconds(out_, entry->minimum);
        if (entry->busy) {
          out_ += ',';
          append_microseconds(out_, *entry->busy);
        }
        out_ += ']';
      }
    });
  }

  std::string& out_;
  const Workload& workload_;
  NodeId id_;
  const Node& node_;
  JsonMembers members_;
};

void write_info(JsonMembers& root, std::string& out, const GraphInfo& info) {
  append_quoted(root.next("name"), info.name);
  const std::pair<std::string_view, const std::string*> entries[] = {
      {"file", &info.source},
      {"hash", &info.source_hash},
      {"producer", &info.producer},
      {"weights", &info.weights},
      {"weights_model", &info.weights_model}};
  if (std::all_of(std::begin(entries), std::end(entries),
                  [](const auto& entry) { return entry.second->empty(); })) {
    return;
  }
  root.next("source") += '{';
  JsonMembers source(out, ", ");
  for (const auto& [key, text] : entries) {
    if (!text->empty()) {
      append_quoted(source.next(key), *text);
    }
  }
  out += '}';
}

void write_kind(std::string& out, const KindTimes& kind) {
  out += '{';
  JsonMembers members(out, ", ");
  append_quoted(members.next("kind"), kind.kind);
  const auto text = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) {
      append_quoted(members.next(key), value);
    }
  };
  text("machine", kind.info.machine);
  text("library", kind.info.library);
  text("method", kind.info.method);
  if (kind.info.repeats != 0) {
    append_integer(members.next("repeats"), kind.info.repeats);
  }
  text("date", kind.info.date);
  text("workload", kind.info.workload);
  out += '}';
}

}  // namespace

std::string write_graph(const Workload& workload) {
  std::string out = "{\n  ";
  JsonMembers root(out, ",\n  ");
  append_quoted(root.next("format"), "placer.graph");
  append_integer(root.next("version"), 1);
  write_info(root, out, workload.graph.info());
  if (!workload.times.kinds().empty()) {
    root.next("times") += "[";
    const char* separator = "\n    ";
    for (const KindTimes& kind : workload.times.kinds()) {
      out += separator;
      write_kind(out, kind);
      separator = ",\n    ";
    }
    out += "\n  ]";
  }
  root.next("nodes") += "[";
  for (std::size_t i = 0; i < workload.graph.size(); ++i) {
    out += i == 0 ? "\n    " : ",\n    ";
    NodeWriter(out, workload, id_at<NodeId>(i)).write();
  }
  out += "\n  ]\n}\n";
  return out;
}

}  // namespace placer
