#include "profiler/torch/op_binding.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <torch/version.h>

#include "placer/base/error.h"
#include "profiler/torch/arguments.h"

namespace placer::profile {

namespace {

// Ops that draw from the default generator must not interleave, whichever executor they belong to:
// the generator is one per process.
std::mutex& generator_turn() {
  static std::mutex turn;
  return turn;
}

// "aten.add" and "Tensor" -> {"aten::add", "Tensor"}; the overload "default" is the unnamed one.
std::optional<c10::OperatorName> schema_name(const Node& node) {
  const auto dot = node.op.find('.');
  if (dot == std::string::npos) {
    return std::nullopt;
  }
  const std::string overload = node.overload == "default" ? "" : node.overload;
  return c10::OperatorName(node.op.substr(0, dot) + "::" + node.op.substr(dot + 1), overload);
}

std::string quoted(const char* before, const std::string& name) {
  return std::string(before) + '"' + name + '"';
}

std::string printed_name(const Node& node) {
  return node.overload.empty() ? node.op : node.op + "." + node.overload;
}

// One line per problem; of its nodes, the first few by name.
std::string listed(const std::vector<std::pair<std::string, std::vector<std::string>>>& problems) {
  constexpr std::size_t kNamed = 5;
  std::string text;
  for (const auto& [problem, nodes] : problems) {
    text += "\n  " + problem + ":";
    for (std::size_t i = 0; i < std::min(nodes.size(), kNamed); ++i) {
      text += quoted(i == 0 ? " " : ", ", nodes[i]);
    }
    if (nodes.size() > kNamed) {
      text += " and " + std::to_string(nodes.size() - kNamed) + " more";
    }
  }
  return text;
}

}  // namespace

void BoundOp::push_arguments(std::span<const at::Tensor* const> inputs, torch::jit::Stack& stack) {
  stack.assign(arguments_.begin(), arguments_.end());
  for (const Slot& slot : slots_) {
    stack[slot.position] = *inputs[slot.input];
  }
  for (ListSlot& slot : lists_) {
    std::visit(
        [&](auto& list) {
          for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
            if (slot.inputs[i]) {
              list.set(i, *inputs[*slot.inputs[i]]);
            }
          }
          stack[slot.position] = list;
        },
        slot.list);
  }
}

void BoundOp::release_lists() {
  for (ListSlot& slot : lists_) {
    std::visit(
        [&]<typename T>(c10::List<T>& list) {
          for (std::size_t i = 0; i < slot.inputs.size(); ++i) {
            list.set(i, T());
          }
        },
        slot.list);
  }
}

void BoundOp::take_results(std::span<const at::Tensor* const> inputs, std::span<at::Tensor> outputs,
                           torch::jit::Stack& stack) const {
  for (std::size_t i = 0; i < pass_through_.size(); ++i) {
    outputs[i] = *inputs[pass_through_[i]];
  }
  if (!pass_through_.empty()) {
    return;
  }
  std::size_t next = 0;
  for (c10::IValue& result : stack) {
    if (result.isTensorList()) {
      const c10::List<at::Tensor> list = std::move(result).toTensorList();
      for (std::size_t i = 0; i < list.size() && next < outputs.size(); ++i) {
        outputs[next++] = list.get(i);
      }
    } else if (next < outputs.size()) {
      outputs[next++] = result.isTensor() ? std::move(result).toTensor() : at::Tensor();
    }
  }
  PLACER_CHECK(next == outputs.size(), "an op returned fewer tensors than its node has outputs");
}

void BoundOp::run(std::span<const at::Tensor* const> inputs, std::span<at::Tensor> outputs,
                  torch::jit::Stack& stack) {
  // Nothing may outlive a run, be it left by an exception: tensors that are still referenced keep
  // their memory.
  struct Release {
    BoundOp& op;
    torch::jit::Stack& stack;
    ~Release() {
      stack.clear();
      op.release_lists();
    }
  } const release{*this, stack};
  push_arguments(inputs, stack);
  handle_.callBoxed(stack);
  take_results(inputs, outputs, stack);
}

void BoundOp::place_on(at::Device device) {
  device_ = device;
  for (const auto& [position, on_cpu] : device_arguments_) {
    arguments_[position] = device.is_cpu() ? on_cpu : c10::IValue(device);
  }
}

void BoundOp::run_seeded(std::uint64_t seed, std::span<const at::Tensor* const> inputs,
                         std::span<at::Tensor> outputs, torch::jit::Stack& stack) {
  const std::scoped_lock turn(generator_turn());
  at::Generator generator = device_.is_cpu() ? at::detail::getDefaultCPUGenerator()
                                             : at::globalContext().defaultGenerator(device_);
  {
    const std::scoped_lock lock(generator.mutex());
    generator.set_current_seed(seed);
  }
  run(inputs, outputs, stack);
}

// Builds one BoundOp; the first problem ends it.
class OpBinder {
 public:
  explicit OpBinder(const Node& node) : node_(node) {}

  [[nodiscard]] std::variant<BoundOp, std::string> bind();

 private:
  using Problem = std::string;  // empty: none

  [[nodiscard]] Problem bind_arguments(BoundOp& op);
  [[nodiscard]] Problem bind_slot(BoundOp& op, const c10::Argument& slot,
                                  const ArgumentValue& value);
  [[nodiscard]] Problem bind_list(BoundOp& op, const c10::Argument& slot,
                                  const InputListArgument& value);
  [[nodiscard]] Problem bind_results(BoundOp& op) const;
  [[nodiscard]] Problem check_writes(const c10::FunctionSchema& schema) const;
  [[nodiscard]] bool draws_random_numbers(const BoundOp& op) const;

  const Node& node_;
  std::map<std::string, const ArgumentValue*, std::less<>> given_;  // by name
};

std::variant<BoundOp, std::string> OpBinder::bind() {
  const auto name = schema_name(node_);
  const auto handle = name ? c10::Dispatcher::singleton().findSchema(*name) : std::nullopt;
  if (!handle) {
    return "LibTorch " TORCH_VERSION " has no operator " + printed_name(node_);
  }
  BoundOp op(*handle);
  for (Problem problem : {bind_arguments(op), bind_results(op), check_writes(handle->schema())}) {
    if (!problem.empty()) {
      return printed_name(node_) + ": " + problem;
    }
  }
  op.random_ = draws_random_numbers(op);
  return op;
}

OpBinder::Problem OpBinder::bind_arguments(BoundOp& op) {
  for (const Argument& argument : node_.arguments) {
    if (!given_.emplace(argument.name, &argument.value).second) {
      return quoted("argument ", argument.name) + " is given twice";
    }
  }
  const auto& slots = op.handle_.schema().arguments();
  std::size_t used = 0;
  for (const c10::Argument& slot : slots) {
    const auto it = given_.find(slot.name());
    if (it != given_.end()) {
      ++used;
      if (Problem problem = bind_slot(op, slot, *it->second); !problem.empty()) {
        return quoted("argument ", slot.name()) + ": " + problem;
      }
    } else if (slot.default_value()) {
      op.arguments_.push_back(*slot.default_value());
    } else {
      return quoted("argument ", slot.name()) + " (" + slot_type(slot) + ") is missing";
    }
  }
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    if (names_device(slots[i])) {
      op.device_arguments_.emplace_back(i, op.arguments_[i]);
    }
  }
  if (used == given_.size()) {
    return {};
  }
  const auto unknown = std::ranges::find_if(given_, [&](const auto& entry) {
    return std::ranges::none_of(
        slots, [&](const c10::Argument& slot) { return slot.name() == entry.first; });
  });
  return quoted("its schema has no argument ", unknown->first) + ": " +
         c10::toString(op.handle_.schema());
}

OpBinder::Problem OpBinder::bind_slot(BoundOp& op, const c10::Argument& slot,
                                      const ArgumentValue& value) {
  const auto position = static_cast<std::uint32_t>(op.arguments_.size());
  if (const auto* list = std::get_if<InputListArgument>(&value)) {
    return bind_list(op, slot, *list);
  }
  if (const auto* input = std::get_if<InputArgument>(&value)) {
    if (tensor_slot(slot) != TensorSlot::kTensor) {
      return "a tensor, expected " + slot_type(slot);
    }
    op.arguments_.emplace_back();
    op.slots_.push_back({position, input->input});
    return {};
  }
  auto converted = convert_argument(value, slot);
  if (auto* problem = std::get_if<std::string>(&converted)) {
    return std::move(*problem);
  }
  op.arguments_.push_back(std::get<c10::IValue>(std::move(converted)));
  return {};
}

OpBinder::Problem OpBinder::bind_list(BoundOp& op, const c10::Argument& slot,
                                      const InputListArgument& value) {
  const TensorSlot kind = tensor_slot(slot);
  const bool holes =
      std::ranges::any_of(value.inputs, [](const auto& input) { return !input.has_value(); });
  const auto position = static_cast<std::uint32_t>(op.arguments_.size());
  if (kind == TensorSlot::kNone &&
      value.inputs.empty()) {  // a file cannot tell whose empty list it is
    return bind_slot(op, slot, std::vector<std::int64_t>());
  }
  if ((kind != TensorSlot::kList && kind != TensorSlot::kOptionalList) ||
      (kind == TensorSlot::kList && holes)) {
    return (holes ? "a list of tensors with holes, expected " : "a list of tensors, expected ") +
           slot_type(slot);
  }
  op.arguments_.emplace_back();
  BoundOp::ListSlot& list =
      op.lists_.emplace_back(BoundOp::ListSlot{position, value.inputs, c10::List<at::Tensor>()});
  if (kind == TensorSlot::kOptionalList) {
    list.list = c10::List<std::optional<at::Tensor>>();
  }
  std::visit([&](auto& items) { items.resize(value.inputs.size()); }, list.list);
  return {};
}

OpBinder::Problem OpBinder::bind_results(BoundOp& op) const {
  const auto& results = op.handle_.schema().returns();
  const std::size_t outputs = node_.outputs.size();
  if (results.empty() && outputs != 0) {
    for (const TensorSpec& output : node_.outputs) {
      if (!output.alias_of) {
        return "it returns nothing, but the node has outputs that are not its inputs";
      }
      op.pass_through_.push_back(*output.alias_of);
    }
    return {};
  }
  const auto lists = std::ranges::count_if(results, [](const c10::Argument& result) {
    return tensor_slot(result) == TensorSlot::kList;
  });
  const auto single = results.size() - static_cast<std::size_t>(lists);
  if (lists > 1 || (lists == 1 && outputs < single) || (lists == 0 && outputs > single)) {
    return "the node has " + std::to_string(outputs) + " outputs, the operator returns " +
           std::to_string(single) + (lists == 0 ? "" : " and lists");
  }
  return {};
}

OpBinder::Problem OpBinder::check_writes(const c10::FunctionSchema& schema) const {
  const auto undeclared = [&](std::uint32_t input) {
    return std::ranges::find(node_.mutates, input) == node_.mutates.end();
  };
  const auto names_input = [&](std::string_view name) -> std::optional<std::uint32_t> {
    const auto it = given_.find(name);
    const auto* input = it == given_.end() ? nullptr : std::get_if<InputArgument>(it->second);
    return input ? std::optional(input->input) : std::nullopt;
  };
  std::vector<std::pair<std::string, std::uint32_t>> written;
  for (const c10::Argument& slot : schema.arguments()) {
    const auto it = given_.find(slot.name());
    if (slot.alias_info() == nullptr || !slot.alias_info()->isWrite() || it == given_.end()) {
      continue;
    }
    // Fused optimizers write gradients only to undo the scaling of mixed precision.
    if (slot.name() == "grads" && !given_.contains("grad_scale")) {
      continue;
    }
    if (const auto input = names_input(slot.name())) {
      written.emplace_back(slot.name(), *input);
    } else if (const auto* list = std::get_if<InputListArgument>(it->second)) {
      for (const auto& item : list->inputs) {
        if (item) {
          written.emplace_back(slot.name(), *item);
        }
      }
    }
  }
  // Batch normalisation in training writes its running statistics, and the schemas of these do not
  // say so.
  static const std::set<std::string, std::less<>> kHiddenWriters = {
      "aten::native_batch_norm", "aten::batch_norm",       "aten::_batch_norm_impl_index",
      "aten::instance_norm",     "aten::cudnn_batch_norm", "aten::miopen_batch_norm"};
  if (kHiddenWriters.contains(schema.name())) {
    const auto training =
        given_.find(schema.name() == "aten::instance_norm" ? "use_input_stats" : "training");
    const bool* on = training == given_.end() ? nullptr : std::get_if<bool>(training->second);
    for (const char* name : {"running_mean", "running_var"}) {
      if (const auto input = names_input(name); input && on != nullptr && *on) {
        written.emplace_back(name, *input);
      }
    }
  }
  for (const auto& [name, input] : written) {
    if (undeclared(input)) {
      return quoted("it writes its argument ", name) +
             " in place, which the node's \"mutates\" does not say";
    }
  }
  return {};
}

bool OpBinder::draws_random_numbers(const BoundOp& op) const {
  if (!op.handle_.hasTag(at::Tag::nondeterministic_seeded)) {
    return false;
  }
  // Attention kernels carry the tag for a dropout that is mostly off; they must not wait for each
  // other then.
  const auto& slots = op.handle_.schema().arguments();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const c10::IValue& value = op.arguments_[i];
    if (slots[i].name() == "dropout_p" && value.isDouble() && value.toDouble() == 0) {
      return false;
    }
    if (slots[i].name() == "train" && value.isBool() && !value.toBool()) {
      return false;
    }
  }
  return true;
}

std::variant<BoundOp, std::string> bind_op(const Node& node) {
  return OpBinder(node).bind();
}

std::vector<std::optional<BoundOp>> bind_ops(const Graph& graph) {
  std::vector<std::optional<BoundOp>> ops(graph.size());
  std::vector<std::pair<std::string, std::vector<std::string>>>
      problems;  // and the nodes that have it, in order
  std::size_t count = 0;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind != NodeKind::kOp) {
      continue;
    }
    auto bound = bind_op(node);
    if (auto* op = std::get_if<BoundOp>(&bound)) {
      ops[i] = std::move(*op);
      continue;
    }
    const std::string& text = std::get<std::string>(bound);
    auto known =
        std::ranges::find(problems, text, [](const auto& problem) { return problem.first; });
    if (known == problems.end()) {
      known = problems.insert(problems.end(), {text, {}});
    }
    known->second.push_back(node.name);
    ++count;
  }
  if (count != 0) {
    throw usage_error(std::to_string(count) +
                      " of the graph's ops cannot be run:" + listed(problems));
  }
  return ops;
}

}  // namespace placer::profile
