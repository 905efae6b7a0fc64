#include "placer/formats/pt2_argument.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "placer/formats/pt2_tensor.h"

namespace placer {
namespace {

constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max();

std::int64_t integer(JsonView value) {
  return value.as_integer(kLow, kHigh, "an integer");
}

// Infinities are written as text.
double decimal(JsonView value) {
  if (!value.is_string()) {
    return value.as_number();
  }
  const std::string_view text = value.as_string();
  if (text == "Infinity" || text == "inf") {
    return std::numeric_limits<double>::infinity();
  }
  if (text == "-Infinity" || text == "-inf") {
    return -std::numeric_limits<double>::infinity();
  }
  if (text == "NaN" || text == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  value.fail_expected("a number");
}

template <typename T, typename Read>
std::vector<T> list(JsonView values, Read read) {
  std::vector<T> result;
  for (const JsonView value : values.elements()) {
    result.push_back(read(value));
  }
  return result;
}

// {"as_name": "sym_size_int"} or the number itself.
ArgumentValue symbolic(JsonView value, const Pt2ArgumentContext& context) {
  const JsonView member = pt2_union_member(value);
  if (member.key() != "as_name") {
    return read_pt2_number(member);
  }
  const auto symbol = context.symbols->find(std::string(member.as_name("the name of a symbol")));
  if (symbol == context.symbols->end()) {
    member.fail("its value depends on the data, so that the step's shapes are not known");
  }
  return symbol->second;
}

template <typename T>
T symbolic_as(JsonView value, const Pt2ArgumentContext& context) {
  const ArgumentValue result = symbolic(value, context);
  if (const T* typed = std::get_if<T>(&result)) {
    return *typed;
  }
  value.fail("is a symbol of another type");
}

std::string device(JsonView value) {
  std::string text(value.at("type", "a device type").as_name("a device type"));
  const auto number = value.find("index");
  if (number && !number->is_null()) {
    text += ":" + std::to_string(number->as_integer(0, 1 << 20, "a device number"));
  }
  return text;
}

JsonView tensor_name(JsonView value) {
  return value.at("name", "the name of a tensor");
}

// {"as_tensor": {"name": ..}} or {"as_none": true}.
std::optional<std::uint32_t> optional_input(JsonView value, const Pt2ArgumentContext& context) {
  const JsonView member = pt2_union_member(value);
  if (member.key() == "as_none") {
    return std::nullopt;
  }
  if (member.key() != "as_tensor") {
    member.fail("unknown kind \"" + std::string(member.key()) +
                "\", expected as_tensor or as_none");
  }
  return context.input(tensor_name(member));
}

ArgumentValue optional_tensor(JsonView value, const Pt2ArgumentContext& context) {
  if (const auto input = optional_input(value, context)) {
    return InputArgument{*input};
  }
  return std::monostate{};
}

InputListArgument tensors(JsonView values, const Pt2ArgumentContext& context) {
  InputListArgument result;
  for (const JsonView value : values.elements()) {
    result.inputs.emplace_back(context.input(tensor_name(value)));
  }
  return result;
}

InputListArgument optional_tensors(JsonView values, const Pt2ArgumentContext& context) {
  InputListArgument result;
  for (const JsonView value : values.elements()) {
    result.inputs.push_back(optional_input(value, context));
  }
  return result;
}

using Reader = ArgumentValue (*)(JsonView, const Pt2ArgumentContext&);

constexpr std::array<std::pair<std::string_view, Reader>, 23> kReaders{{
    {"as_none",
     [](JsonView, const Pt2ArgumentContext&) -> ArgumentValue { return std::monostate{}; }},
    {"as_tensor",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return InputArgument{c.input(tensor_name(v))};
     }},
    {"as_tensors",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue { return tensors(v, c); }},
    {"as_optional_tensor",
     [](JsonView v, const Pt2ArgumentContext& c) { return optional_tensor(v, c); }},
    {"as_optional_tensors",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return optional_tensors(v, c);
     }},
    {"as_int", [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue { return integer(v); }},
    {"as_ints",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return list<std::int64_t>(v, integer);
     }},
    {"as_float", [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue { return decimal(v); }},
    {"as_floats",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return list<double>(v, decimal);
     }},
    {"as_bool", [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue { return v.as_bool(); }},
    {"as_bools",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return list<bool>(v, [](JsonView x) { return x.as_bool(); });
     }},
    {"as_string",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return std::string(v.as_string());
     }},
    {"as_sym_int",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return symbolic_as<std::int64_t>(v, c);
     }},
    {"as_sym_ints",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return list<std::int64_t>(v, [&](JsonView x) { return symbolic_as<std::int64_t>(x, c); });
     }},
    {"as_sym_float",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return symbolic_as<double>(v, c);
     }},
    {"as_sym_floats",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return list<double>(v, [&](JsonView x) { return symbolic_as<double>(x, c); });
     }},
    {"as_sym_bool",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return symbolic_as<bool>(v, c);
     }},
    {"as_sym_bools",
     [](JsonView v, const Pt2ArgumentContext& c) -> ArgumentValue {
       return list<bool>(v, [&](JsonView x) { return symbolic_as<bool>(x, c); });
     }},
    {"as_scalar_type",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue { return read_pt2_dtype(v); }},
    {"as_memory_format",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return read_pt2_memory_format(v);
     }},
    {"as_layout",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue { return read_pt2_layout(v); }},
    {"as_device",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       return DeviceArgument{device(v)};
     }},
    {"as_graph",
     [](JsonView v, const Pt2ArgumentContext&) -> ArgumentValue {
       v.fail(
           "control flow with a sub-program is not supported: export the model without torch.cond, "
           "map or while_loop");
     }},
}};

// Known to torch's schema; no operator that a training step uses has them.
constexpr std::array<std::string_view, 8> kUnsupported{
    "as_strings",        "as_custom_obj",         "as_operator",  "as_complex",
    "as_nested_tensors", "as_string_to_argument", "as_int_lists", "as_float_lists"};

}  // namespace

JsonView pt2_union_member(JsonView value) {
  if (!value.is_object() || value.size() != 1) {
    value.fail_expected("an object with one key such as as_tensor or as_int");
  }
  return *value.members().begin();
}

ArgumentValue read_pt2_number(JsonView member) {
  if (member.key() == "as_int") {
    return integer(member);
  }
  if (member.key() == "as_bool") {
    return member.as_bool();
  }
  if (member.key() != "as_float") {
    member.fail("unknown kind of number \"" + std::string(member.key()) + "\"");
  }
  return decimal(member);
}

ArgumentValue read_pt2_argument(JsonView argument, const Pt2ArgumentContext& context) {
  const JsonView member = pt2_union_member(argument);
  const std::string_view kind = member.key();
  for (const auto& [name, read] : kReaders) {
    if (name == kind) {
      return read(member, context);
    }
  }
  for (const std::string_view name : kUnsupported) {
    if (name == kind) {
      member.fail("arguments of kind " + std::string(kind) + " are not supported");
    }
  }
  member.fail("unknown kind of argument \"" + std::string(kind) +
              "\": the file was written by a newer torch.export than placer knows");
}

}  // namespace placer
