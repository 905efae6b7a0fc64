#include "placer/formats/pt2_program.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "placer/formats/pt2_argument.h"

namespace placer {
namespace {

constexpr std::int64_t kMajor = 8;
constexpr std::int64_t kTestedMinor = 17;  // torch 2.11
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// They refuse at run time what was not as at export time, and return nothing.
constexpr std::array<std::string_view, 5> kChecks{
    "aten._assert_tensor_metadata", "aten._assert_scalar", "aten._assert_async",
    "aten.sym_constrain_range", "aten.sym_constrain_range_for_size"};

bool symbolic_kind(std::string_view key) {
  return key.starts_with("as_sym_");
}

// "L__self__,,M;L__self__conv,conv,torch.nn.Conv2d" -> "conv": the path in the last entry of
// key,path,type.
std::string last_module(std::string_view stack) {
  const std::string_view entry = stack.substr(stack.rfind(';') + 1);
  const std::size_t first = entry.find(',');
  if (first == std::string_view::npos) {
    return "";
  }
  std::string_view path = entry.substr(first + 1, entry.find(',', first + 1) - first - 1);
  constexpr std::string_view kSelf = "L['self']";
  if (path.starts_with(kSelf)) {
    path.remove_prefix(kSelf.size());
  }
  if (path.starts_with('.')) {
    path.remove_prefix(1);
  }
  return std::string(path);
}

// The names that one (sub-)program knows.
struct Scope {
  std::string prefix;                                   // of tensors that are made in it
  std::unordered_map<std::string, std::string> names;   // there -> in Pt2Program::tensors
  std::unordered_map<std::string, JsonView> described;  // its tensor_values
  Pt2Symbols symbols;
};

class ProgramReader {
 public:
  explicit ProgramReader(const std::string& file) { program_.file = file; }

  Pt2Program run(JsonView root) {
    check_schema(root);
    if (const auto version = root.find("torch_version"); version && version->is_string()) {
      program_.torch_version = std::string(version->as_string());
    }
    const JsonView module = root.at("graph_module", "the program");
    const JsonView graph = module.at("graph", "the program's nodes");
    const JsonView signature = module.at("signature", "the program's inputs and outputs");
    Scope scope;
    describe(graph, scope);
    for (const JsonView spec : signature.at("input_specs", "a list of inputs").elements()) {
      read_input(pt2_union_member(spec), scope);
    }
    read_calls(graph, scope);
    for (const JsonView spec : signature.at("output_specs", "a list of outputs").elements()) {
      read_output(pt2_union_member(spec), scope);
    }
    if (symbolic_ > 0) {
      program_.notes.emplace_back(
          "some sizes are symbolic in the file: taken as they were when the model was exported");
    }
    return std::move(program_);
  }

 private:
  void check_schema(JsonView root) {
    const JsonView version = root.at("schema_version", "an object with major and minor");
    const JsonView major_view = version.at("major", "a number");
    const std::int64_t major = major_view.as_integer(0, kMost, "a number");
    const std::int64_t minor = version.at("minor", "a number").as_integer(0, kMost, "a number");
    const std::string written = std::to_string(major) + "." + std::to_string(minor);
    if (major != kMajor) {
      major_view.fail("the program has schema " + written + ", this placer reads schema 8: " +
                      (major < kMajor ? "save it again with torch 2.8 to 2.11"
                                      : "update placer, or export with torch 2.11"));
    }
    if (minor > kTestedMinor) {
      program_.notes.push_back("the program has schema " + written + ", newer than 8." +
                               std::to_string(kTestedMinor) + " which this placer was tested with");
    }
  }

  // Takes in the tensors and symbols that the (sub-)program describes.
  void describe(JsonView graph, Scope& scope) {
    for (const JsonView value :
         graph.at("tensor_values", "a description of every tensor").members()) {
      scope.described.emplace(value.key(), value);
    }
    for (const std::string_view table : {"sym_int_values", "sym_float_values", "sym_bool_values"}) {
      const auto values = graph.find(table);
      if (!values) {
        continue;
      }
      for (const JsonView value : values->members()) {
        read_symbol(value, scope);
      }
    }
  }

  // A symbol without a hint stays unknown: using it is refused.
  void read_symbol(JsonView value, Scope& scope) {
    JsonView member = pt2_union_member(value);
    if (member.key() == "as_expr") {
      const auto hint = member.find("hint");
      if (!hint || !hint->is_object()) {
        return;
      }
      member = pt2_union_member(*hint);
      ++symbolic_;
    }
    scope.symbols.emplace(std::string(value.key()), read_pt2_number(member));
  }

  // Makes a tensor known under its name in `scope`; its name in the program.
  std::string define(JsonView name_view, Scope& scope) {
    const std::string name(name_view.as_name("the name of a tensor"));
    const auto description = scope.described.find(name);
    if (description == scope.described.end()) {
      name_view.fail("tensor \"" + name + "\" has no description in tensor_values");
    }
    std::string global = scope.prefix + name;
    if (!program_.tensors.emplace(global, read_pt2_tensor(description->second, symbolic_)).second ||
        !scope.names.emplace(name, global).second) {
      name_view.fail("tensor \"" + name + "\" is made twice");
    }
    return global;
  }

  static const std::string& resolve(JsonView name_view, const Scope& scope) {
    const auto found = scope.names.find(std::string(name_view.as_name("the name of a tensor")));
    if (found == scope.names.end()) {
      name_view.fail("there is no tensor \"" + std::string(name_view.as_string()) +
                     "\" at this point of the program");
    }
    return found->second;
  }

  void read_input(JsonView spec, Scope& scope) {
    const std::string_view kind = spec.key();
    Pt2Input input;
    JsonView argument = spec;
    if (kind == "user_input") {
      argument = pt2_union_member(spec.at("arg", "an argument"));
      if (argument.key() != "as_tensor") {
        return;  // a number or None: the program holds its value already
      }
    } else if (kind == "constant_input") {
      return;
    } else if (kind == "parameter" || kind == "buffer" || kind == "tensor_constant") {
      argument = spec.at("arg", "a tensor");
      input.kind = kind == "parameter" ? Pt2Input::Kind::kParameter
                   : kind == "buffer"  ? Pt2Input::Kind::kBuffer
                                       : Pt2Input::Kind::kConstant;
      input.name = spec.at(std::string(kind) + "_name", "a name").as_name("a name");
      const auto persistent = spec.find("persistent");
      input.persistent = !persistent || persistent->as_bool();
    } else {
      spec.fail(kind == "custom_obj" || kind == "token"
                    ? "inputs of kind " + std::string(kind) + " are not supported"
                    : "unknown kind of input \"" + std::string(kind) + "\"");
    }
    input.tensor = define(argument.at("name", "the name of a tensor"), scope);
    if (input.kind == Pt2Input::Kind::kUser) {
      input.name = input.tensor;
    }
    program_.inputs.push_back(std::move(input));
  }

  void read_output(JsonView spec, const Scope& scope) {
    struct Known {
      std::string_view key;
      Pt2Output::Kind kind;
      std::string_view target;
    };
    static constexpr std::array<Known, 7> kKnown{{
        {"user_output", Pt2Output::Kind::kResult, ""},
        {"loss_output", Pt2Output::Kind::kLoss, ""},
        {"buffer_mutation", Pt2Output::Kind::kStateWrite, "buffer_name"},
        {"parameter_mutation", Pt2Output::Kind::kStateWrite, "parameter_name"},
        {"gradient_to_parameter", Pt2Output::Kind::kGradient, "parameter_name"},
        {"gradient_to_user_input", Pt2Output::Kind::kInputGradient, "user_input_name"},
        {"user_input_mutation", Pt2Output::Kind::kInputWrite, "user_input_name"},
    }};
    const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                    [&](const Known& k) { return k.key == spec.key(); });
    if (known == kKnown.end()) {
      spec.fail("unknown kind of output \"" + std::string(spec.key()) + "\"");
    }
    JsonView argument = spec.at("arg", "a tensor");
    if (known->kind == Pt2Output::Kind::kResult) {
      argument = pt2_union_member(argument);
      if (argument.key() != "as_tensor") {
        return;  // a number or None
      }
    }
    Pt2Output output{known->kind, resolve(argument.at("name", "the name of a tensor"), scope), "",
                     spec.path()};
    if (!known->target.empty()) {
      output.target = spec.at(known->target, "a name").as_name("a name");
    }
    program_.outputs.push_back(std::move(output));
  }

  void read_calls(JsonView graph, Scope& scope) {
    for (const JsonView node : graph.at("nodes", "a list of nodes").elements()) {
      read_call(node, scope);
    }
  }

  void read_call(JsonView node, Scope& scope) {
    const JsonView target_view = node.at("target", "an operator");
    std::string_view target =
        target_view.as_name("an operator such as torch.ops.aten.relu.default");
    const JsonView outputs = node.at("outputs", "a list of results");
    if (computes_sizes(outputs)) {
      return;
    }
    constexpr std::string_view kOps = "torch.ops.";
    if (!target.starts_with(kOps)) {
      target_view.fail("\"" + std::string(target) + "\" is not an operator of torch.ops");
    }
    target.remove_prefix(kOps.size());
    if (target.starts_with("higher_order.")) {
      inline_region(node, target, scope);
      return;
    }
    const std::size_t dot = target.rfind('.');
    if (dot == std::string_view::npos || dot == target.find('.')) {
      target_view.fail(
          "expected an operator with namespace and overload such as torch.ops.aten.relu.default");
    }
    Pt2Call call;
    call.op = target.substr(0, dot);
    call.overload = target.substr(dot + 1);
    if (std::find(kChecks.begin(), kChecks.end(), call.op) != kChecks.end()) {
      return;
    }
    call.where = node.path();
    read_arguments(node, scope, call);
    read_results(outputs, scope, call);
    call.name = name_of_node(node, scope, call);
    if (const auto metadata = node.find("metadata")) {
      if (const auto stack = metadata->find("nn_module_stack"); stack && stack->is_string()) {
        call.module = last_module(stack->as_string());
      }
    }
    program_.calls.push_back(std::move(call));
  }

  // Arithmetic on sizes: all results are symbols, which have their hints.
  static bool computes_sizes(JsonView outputs) {
    if (outputs.size() == 0) {
      return false;
    }
    for (const JsonView output : outputs.elements()) {
      if (!symbolic_kind(pt2_union_member(output).key())) {
        return false;
      }
    }
    return true;
  }

  std::string name_of_node(JsonView node, const Scope& scope, const Pt2Call& call) {
    const auto name = node.find("name");
    if (name && !name->is_null()) {
      return scope.prefix + std::string(name->as_name("a name"));
    }
    for (const auto& output : call.outputs) {
      if (output) {
        return *output;  // programs of early 8.x have no names
      }
    }
    return scope.prefix + call.op + "." + std::to_string(program_.calls.size());
  }

  void read_arguments(JsonView node, const Scope& scope, Pt2Call& call) {
    const Pt2ArgumentContext context{&scope.symbols, [&](JsonView name) {
                                       call.inputs.push_back(resolve(name, scope));
                                       return static_cast<std::uint32_t>(call.inputs.size() - 1);
                                     }};
    for (const JsonView input : node.at("inputs", "a list of arguments").elements()) {
      const JsonView name = input.at("name", "the argument's name in the operator's schema");
      call.arguments.push_back(
          {std::string(name.as_name("the argument's name in the operator's schema")),
           read_pt2_argument(input.at("arg", "an argument"), context)});
    }
  }

  void read_results(JsonView outputs, Scope& scope, Pt2Call& call) {
    for (const JsonView output : outputs.elements()) {
      const JsonView member = pt2_union_member(output);
      if (member.key() == "as_tensor") {
        call.outputs.emplace_back(define(member.at("name", "the name of a tensor"), scope));
      } else if (member.key() == "as_none") {
        call.outputs.emplace_back(std::nullopt);
      } else if (member.key() == "as_tensors") {
        if (outputs.size() != 1) {
          member.fail("a list of tensors beside other results is not supported");
        }
        for (const JsonView tensor : member.elements()) {
          call.outputs.emplace_back(define(tensor.at("name", "the name of a tensor"), scope));
        }
      } else {
        member.fail("unknown kind of result \"" + std::string(member.key()) + "\"");
      }
    }
  }

  // Regions that only switch gradient recording, or autocasting off: their nodes are put in their
  // place.
  //   arguments: options, the sub-program, what it reads
  void inline_region(JsonView node, std::string_view target, Scope& outer) {
    const bool autocast = target == "higher_order.wrap_with_autocast";
    if (!autocast && target != "higher_order.wrap_with_set_grad_enabled") {
      node.at("target", "")
          .fail(
              "control flow and other higher-order operators are not supported: export the model "
              "without "
              "torch.cond, map, while_loop or flex_attention");
    }
    std::vector<JsonView> arguments;
    for (const JsonView input : node.at("inputs", "a list of arguments").elements()) {
      arguments.push_back(pt2_union_member(input.at("arg", "an argument")));
    }
    const auto graph = std::find_if(arguments.begin(), arguments.end(),
                                    [](JsonView argument) { return argument.key() == "as_graph"; });
    if (graph == arguments.end()) {
      node.fail("the region has no sub-program");
    }
    constexpr std::size_t kEnabled =
        2;  // (device_type, dtype, enabled, cache_enabled, program, ...)
    if (autocast && (graph - arguments.begin() <= static_cast<std::ptrdiff_t>(kEnabled) ||
                     arguments[kEnabled].key() != "as_bool" || arguments[kEnabled].as_bool())) {
      node.fail(
          "a region with autocast switched on is not supported: call ep.run_decompositions({}) "
          "before saving");
    }
    const JsonView program = graph->at("graph", "a program");
    Scope scope;
    scope.prefix = outer.prefix + std::string(node.at("name", "a name").as_name("a name")) + ".";
    describe(program, scope);
    bind_operands(program, {graph + 1, arguments.end()}, outer, scope);
    read_calls(program, scope);
    bind_results(program, node.at("outputs", "a list of results"), scope, outer);
  }

  static void bind_operands(JsonView program, const std::vector<JsonView>& operands,
                            const Scope& outer, Scope& scope) {
    const JsonView inputs = program.at("inputs", "a list of inputs");
    if (inputs.size() != operands.size()) {
      inputs.fail("has " + std::to_string(inputs.size()) + " inputs, the region is given " +
                  std::to_string(operands.size()));
    }
    std::size_t i = 0;
    for (const JsonView input : inputs.elements()) {
      const JsonView member = pt2_union_member(input);
      if (member.key() == "as_tensor" && operands[i].key() == "as_tensor") {
        scope.names.emplace(
            member.at("name", "the name of a tensor").as_name("the name of a tensor"),
            resolve(operands[i].at("name", "the name of a tensor"), outer));
      }
      ++i;
    }
  }

  static void bind_results(JsonView program, JsonView results, const Scope& scope, Scope& outer) {
    const JsonView outputs = program.at("outputs", "a list of outputs");
    if (outputs.size() != results.size()) {
      outputs.fail("has " + std::to_string(outputs.size()) + " outputs, the region gives " +
                   std::to_string(results.size()));
    }
    JsonView::Iterator result = results.elements().begin();
    for (const JsonView output : outputs.elements()) {
      const JsonView inner = pt2_union_member(output);
      const JsonView given = pt2_union_member(*result);
      if (inner.key() == "as_tensor" && given.key() == "as_tensor") {
        const JsonView name = given.at("name", "the name of a tensor");
        if (!outer.names
                 .emplace(name.as_name("the name of a tensor"),
                          resolve(inner.at("name", "the name of a tensor"), scope))
                 .second) {
          name.fail("tensor \"" + std::string(name.as_string()) + "\" is made twice");
        }
      }
      ++result;
    }
  }

  Pt2Program program_;
  std::size_t symbolic_ = 0;
};

}  // namespace

Pt2Program read_pt2_program(std::string_view json, const std::string& file) {
  const JsonDocument document = parse_json(json, file);
  return ProgramReader(file).run(document.root());
}

}  // namespace placer
