#include "placer/formats/pt2_nodes.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "placer/base/error.h"
#include "placer/formats/aten_effects.h"
#include "placer/formats/unused_views.h"

namespace placer {
namespace {

TensorSpec spec_of(const Pt2Tensor& tensor) {
  return {tensor.dtype, tensor.sizes, *bytes_of(tensor.dtype, tensor.sizes), std::nullopt};
}

std::string parent_module(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

// A tensor of the program at its present state. Several names stand for one value after an
// identity.
struct Value {
  TensorRef ref;
  std::uint32_t storage;
  std::uint32_t version;  // of the storage when `ref` was made
  const Pt2Tensor* layout;
  // False for a view of a tensor that the file describes with another layout than it has: torch's
  // tracer lets a switched-off dropout copy, ATen does not.
  bool exact;
};

// Memory that several values may share.
struct Storage {
  std::uint32_t version = 0;  // counts in-place writes
  std::optional<std::uint32_t>
      latest;               // value made by the last write; nothing when that has no result
  bool fed = false;         // a user input or a constant: never written itself
  std::uint32_t owner = 0;  // value
};

class NodeMaker {
 public:
  NodeMaker(const Pt2Program& program, const Pt2NodeOptions& options)
      : program_(program), options_(options) {}

  Pt2Nodes run() {
    for (const Pt2Call& call : program_.calls) {
      call_names_.insert(call.name);
    }
    for (const Pt2Input& input : program_.inputs) {
      add_source(input);
    }
    for (const Pt2Call& call : program_.calls) {
      add_call(call);
    }
    for (const Pt2Output& output : program_.outputs) {
      add_output(output);
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& where, const std::string& text) const {
    throw Error(ErrorKind::kBadInput, program_.file, where, text);
  }

  [[nodiscard]] const Pt2Tensor& layout(const std::string& tensor) const {
    return program_.tensors.at(tensor);
  }

  NodeId push(Node node, bool module_known) {
    while (!names_taken_.insert(node.name).second) {
      node.name += "_";
    }
    result_.nodes.push_back(std::move(node));
    result_.module_known.push_back(module_known);
    return id_at<NodeId>(result_.nodes.size() - 1);
  }

  std::uint32_t add_value(TensorRef ref, const Pt2Tensor& tensor,
                          std::optional<std::uint32_t> storage, bool exact = true) {
    const auto number = static_cast<std::uint32_t>(values_.size());
    if (!storage) {
      storage = static_cast<std::uint32_t>(storages_.size());
      storages_.push_back({0, std::nullopt, false, number});
    }
    values_.push_back({ref, *storage, storages_[*storage].version, &tensor, exact});
    if (exact) {
      shown_.emplace(key_of(*storage, tensor), number);
    }
    return number;
  }

  // Which elements a value shows. Complex tensors may differ in more (conjugation): no two are the
  // same.
  using Shown = std::tuple<std::uint32_t, std::uint32_t, DType, std::vector<std::int64_t>,
                           std::vector<std::int64_t>, std::int64_t>;
  [[nodiscard]] Shown key_of(std::uint32_t storage, const Pt2Tensor& tensor) const {
    return {storage,      storages_[storage].version, tensor.dtype, tensor.sizes, tensor.strides,
            tensor.offset};
  }

  // The value that already shows what result `tensor` of a view of `storage` would.
  [[nodiscard]] std::optional<std::uint32_t> shown(std::uint32_t storage,
                                                   const Pt2Tensor& tensor) const {
    const bool complex = tensor.dtype == DType::kComplex64 || tensor.dtype == DType::kComplex128;
    const auto known = shown_.find(key_of(storage, tensor));
    return complex || known == shown_.end() ? std::nullopt : std::optional(known->second);
  }

  // --- inputs of the program ---

  void add_source(const Pt2Input& input) {
    const bool is_state =
        input.kind == Pt2Input::Kind::kParameter || input.kind == Pt2Input::Kind::kBuffer;
    const auto tie = options_.tied.find(input.name);
    const std::string& key = is_state && tie != options_.tied.end() ? tie->second : input.name;
    if (const auto known = states_.find(key); is_state && known != states_.end()) {
      value_of_.emplace(input.tensor, known->second);
      states_.emplace(input.name, known->second);
      state_nodes_.emplace(input.name, state_nodes_.at(key));
      return;
    }
    Node node;
    node.kind = is_state                                  ? NodeKind::kState
                : input.kind == Pt2Input::Kind::kConstant ? NodeKind::kConstant
                                                          : NodeKind::kInput;
    node.state_role =
        input.kind == Pt2Input::Kind::kBuffer ? StateRole::kBuffer : StateRole::kParameter;
    node.origin = input.name;
    const bool clash =
        call_names_.contains(input.name) || input.name.find('#') != std::string::npos;
    node.name = clash ? input.tensor : input.name;
    node.module = is_state ? parent_module(input.name) : "";
    node.outputs.push_back(spec_of(layout(input.tensor)));
    const NodeId id = push(std::move(node), is_state);
    const std::uint32_t value = add_value({id, 0}, layout(input.tensor), std::nullopt);
    storages_[values_[value].storage].fed = !is_state;
    value_of_.emplace(input.tensor, value);
    if (is_state) {
      for (const std::string& name : {input.name, key}) {
        states_.emplace(name, value);
        state_nodes_.emplace(name, id);
      }
    }
  }

  // --- calls ---

  // The present name of a tensor, after what was written to its memory.
  TensorRef read(const std::string& tensor, const std::string& where) {
    Value& value = values_[value_of_.at(tensor)];
    const Storage& storage = storages_[value.storage];
    if (value.version == storage.version) {
      return value.ref;
    }
    if (!storage.latest || !value.exact ||
        values_[*storage.latest].layout->dtype != value.layout->dtype) {
      fail(where,
           "reads \"" + tensor +
               "\" after its memory was written in place in a way that placer cannot follow: call "
               "ep.run_decompositions({}) before saving");
    }
    const auto same = shown(value.storage, *value.layout);
    value.ref = same ? values_[*same].ref : view_again(tensor, value, values_[*storage.latest]);
    value.version = storage.version;
    if (!same) {
      shown_.emplace(key_of(value.storage, *value.layout), value_of_.at(tensor));
    }
    return value.ref;
  }

  TensorRef view_again(const std::string& tensor, const Value& value, const Value& latest) {
    Node node;
    node.name = tensor + ".again";
    node.op = "aten.as_strided";
    node.overload = "default";
    node.inputs = {latest.ref};
    node.arguments = {{"self", InputArgument{0}},
                      {"size", value.layout->sizes},
                      {"stride", value.layout->strides},
                      {"storage_offset", value.layout->offset}};
    node.outputs.push_back(spec_of(*value.layout));
    node.outputs[0].alias_of = 0;
    return {push(std::move(node), false), 0};
  }

  // What is fed anew every step is copied before it is written to.
  void own(const std::string& tensor) {
    Storage& storage = storages_[values_[value_of_.at(tensor)].storage];
    if (!storage.fed) {
      return;
    }
    Value& owner = values_[storage.owner];
    Node node;
    node.name = result_.nodes[index(owner.ref.node)].name + ".copy";
    node.op = "aten.clone";
    node.overload = "default";
    node.inputs = {owner.ref};
    node.arguments = {{"self", InputArgument{0}}, {"memory_format", MemoryFormat::kPreserve}};
    node.outputs.push_back(spec_of(*owner.layout));
    storage.fed = false;
    storage.version += 1;
    storage.latest = storage.owner;
    owner.ref = {push(std::move(node), false), 0};
    owner.version = storage.version;
    shown_.emplace(key_of(owner.storage, *owner.layout), storage.owner);
  }

  void add_call(const Pt2Call& call) {
    std::vector<const Pt2Tensor*> layouts;
    for (const std::string& input : call.inputs) {
      layouts.push_back(values_[value_of_.at(input)].layout);
    }
    const AtenEffect effect = effect_of(call, program_, layouts);
    const bool one_result = call.outputs.size() == 1 && call.outputs[0];
    if (effect.kind == AtenEffect::Kind::kIdentity && one_result) {
      value_of_.emplace(*call.outputs[0], value_of_.at(call.inputs[effect.base]));
      return;
    }
    if (effect.kind == AtenEffect::Kind::kView && reuse_views(call, effect)) {
      return;
    }
    for (const std::uint32_t written : effect.writes) {
      own(call.inputs[written]);
    }
    Node node;
    node.name = call.name;
    node.op = effect.op.empty() ? call.op : effect.op;
    node.overload = call.overload;
    node.arguments = call.arguments;
    node.module = call.module.value_or("");
    node.mutates = effect.writes;
    if (node.name.find('#') != std::string::npos) {
      std::replace(node.name.begin(), node.name.end(), '#', '_');
    }
    for (const std::string& input : call.inputs) {
      node.inputs.push_back(read(input, call.where));
    }
    for (std::size_t k = 0; k < call.outputs.size(); ++k) {
      node.outputs.push_back(call.outputs[k] ? spec_of(layout(*call.outputs[k])) : TensorSpec{});
      if (effect.kind == AtenEffect::Kind::kView) {
        node.outputs[k].alias_of = effect.base;
      } else if (!effect.unnamed_writes && k < effect.writes.size()) {
        node.outputs[k].alias_of = effect.writes[k];
      }
    }
    const NodeId id = push(std::move(node), call.module.has_value());
    note_writes(call, effect, id);
    add_results(call, effect, id);
  }

  // Whether the layouts of a view's results follow from the true layout of its base.
  [[nodiscard]] bool exact_base(const Pt2Call& call, const AtenEffect& effect) const {
    const std::string& base = call.inputs[effect.base];
    const Value& value = values_[value_of_.at(base)];
    return value.exact && *value.layout == layout(base);
  }

  // True when every result is already there.
  bool reuse_views(const Pt2Call& call, const AtenEffect& effect) {
    if (!exact_base(call, effect)) {
      return false;
    }
    const std::uint32_t storage = values_[value_of_.at(call.inputs[effect.base])].storage;
    std::vector<std::uint32_t> known;
    for (const auto& output : call.outputs) {
      const auto value = output ? shown(storage, layout(*output)) : std::nullopt;
      if (!value) {
        return false;
      }
      known.push_back(*value);
    }
    for (std::size_t k = 0; k < known.size(); ++k) {
      value_of_.emplace(*call.outputs[k], known[k]);
    }
    return true;
  }

  // The memory of what was written moves on to its next version.
  void note_writes(const Pt2Call& call, const AtenEffect& effect, NodeId id) {
    for (std::size_t k = 0; k < effect.writes.size(); ++k) {
      const std::uint32_t written = value_of_.at(call.inputs[effect.writes[k]]);
      Storage& storage = storages_[values_[written].storage];
      ++storage.version;
      storage.latest.reset();
      if (!effect.unnamed_writes && call.outputs[k]) {
        storage.latest = written;
        values_[written].ref = {id, static_cast<std::uint32_t>(k)};
        values_[written].version = storage.version;
        shown_.emplace(key_of(values_[written].storage, *values_[written].layout), written);
      }
    }
  }

  void add_results(const Pt2Call& call, const AtenEffect& effect, NodeId id) {
    for (std::size_t k = 0; k < call.outputs.size(); ++k) {
      if (!call.outputs[k]) {
        continue;
      }
      if (!effect.unnamed_writes && k < effect.writes.size()) {
        value_of_.emplace(*call.outputs[k], value_of_.at(call.inputs[effect.writes[k]]));
        continue;
      }
      std::optional<std::uint32_t> storage;
      bool exact = true;
      if (effect.kind == AtenEffect::Kind::kView) {
        storage = values_[value_of_.at(call.inputs[effect.base])].storage;
        exact = exact_base(call, effect);
      }
      value_of_.emplace(*call.outputs[k], add_value({id, static_cast<std::uint32_t>(k)},
                                                    layout(*call.outputs[k]), storage, exact));
    }
  }

  // --- outputs of the program ---

  void add_output(const Pt2Output& output) {
    Node node;
    node.kind = NodeKind::kOutput;
    TensorRef source = read(output.tensor, output.where);
    switch (output.kind) {
      case Pt2Output::Kind::kLoss:
        node.name = "loss";
        node.output_role = OutputRole::kLoss;
        break;
      case Pt2Output::Kind::kGradient:
        node.name = output.target + ".grad";
        node.output_role = OutputRole::kGradient;
        node.pass = Pass::kBackward;
        node.target = state_named(output);
        source = as_parameter(output, source);
        break;
      case Pt2Output::Kind::kStateWrite:
        node.name = output.target + ".next";
        node.output_role = OutputRole::kStateWrite;
        node.target = state_named(output);
        break;
      case Pt2Output::Kind::kInputGradient:
        node.name = output.target + ".grad";
        node.pass = Pass::kBackward;
        break;
      case Pt2Output::Kind::kInputWrite:
        node.name = output.target + ".next";
        break;
      case Pt2Output::Kind::kResult:
        node.name = "result." + std::to_string(num_results_++);
        break;
    }
    std::replace(node.name.begin(), node.name.end(), '#', '_');
    if (node.target) {
      node.module = result_.nodes[index(*node.target)].module;
    }
    node.inputs = {source};
    push(std::move(node), true);
  }

  NodeId state_named(const Pt2Output& output) const {
    const auto state = state_nodes_.find(output.target);
    if (state == state_nodes_.end()) {
      fail(output.where, "there is no parameter or buffer \"" + output.target + "\"");
    }
    return state->second;
  }

  // The gradient in the element order of its parameter.
  TensorRef as_parameter(const Pt2Output& output, TensorRef gradient) {
    if (!options_.gradients_as_parameters) {
      return gradient;
    }
    const Pt2Tensor& parameter = *values_[states_.at(output.target)].layout;
    if (!parameter.contiguous()) {
      fail(output.where,
           "parameter \"" + output.target +
               "\" is not contiguous in memory, which the optimizers need: export a "
               "model whose parameters are (model.to(memory_format=torch.contiguous_format))");
    }
    const Pt2Tensor& tensor = layout(output.tensor);
    if (tensor.sizes != parameter.sizes || tensor.dtype != parameter.dtype) {
      fail(output.where, "the gradient of \"" + output.target +
                             "\" has another shape or type than the parameter");
    }
    if (tensor.contiguous()) {
      return gradient;
    }
    Node node;
    node.name = output.target + ".grad.contiguous";
    node.pass = Pass::kBackward;
    node.module = parent_module(output.target);
    node.op = "aten.clone";
    node.overload = "default";
    node.inputs = {gradient};
    node.arguments = {{"self", InputArgument{0}}, {"memory_format", MemoryFormat::kContiguous}};
    node.outputs.push_back(spec_of(tensor));
    return {push(std::move(node), true), 0};
  }

  Pt2Nodes result_;
  const Pt2Program& program_;
  const Pt2NodeOptions& options_;
  std::vector<Value> values_;
  std::vector<Storage> storages_;
  std::map<Shown, std::uint32_t> shown_;                     // -> value
  std::unordered_map<std::string, std::uint32_t> value_of_;  // tensor of the program -> value
  std::unordered_map<std::string, std::uint32_t> states_;    // parameter, buffer -> value
  std::unordered_map<std::string, NodeId> state_nodes_;      // parameter, buffer -> node
  std::unordered_set<std::string> call_names_;
  std::unordered_set<std::string> names_taken_;
  std::size_t num_results_ = 0;
};

}  // namespace

Pt2Nodes make_nodes(const Pt2Program& program, const Pt2NodeOptions& options) {
  Pt2Nodes result = NodeMaker(program, options).run();
  drop_unused_views(result.nodes, result.module_known);
  return result;
}

}  // namespace placer
