#include "placer/formats/graph_arguments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "placer/formats/json_text.h"

namespace placer {
namespace {

constexpr std::array kMemoryFormats{MemoryFormat::kContiguous, MemoryFormat::kChannelsLast,
                                    MemoryFormat::kChannelsLast3d, MemoryFormat::kPreserve};
constexpr std::string_view kStrided = "strided";
constexpr std::int64_t kMostInputs = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::array<std::string_view, 8> kTags{"in",    "tensors", "float",         "floats",
                                                "bools", "dtype",   "memory_format", "layout"};

std::uint32_t read_input_number(JsonView tagged) {
  constexpr std::array<std::string_view, 1> kKeys{"in"};
  tagged.only_keys(kKeys, "a tensor of a list");
  return static_cast<std::uint32_t>(tagged.at("in", "the number of an input")
                                        .as_integer(0, kMostInputs, "the number of an input"));
}

InputListArgument read_input_list(JsonView list) {
  InputListArgument inputs;
  for (const JsonView element : list.elements()) {
    if (element.is_null()) {
      inputs.inputs.emplace_back();
    } else if (element.is_object()) {
      inputs.inputs.emplace_back(read_input_number(element));
    } else {
      element.fail_expected("{\"in\": N} or null, like the others in this list");
    }
  }
  return inputs;
}

std::vector<bool> read_bools(JsonView list) {
  std::vector<bool> values;
  for (const JsonView element : list.elements()) {
    values.push_back(element.as_bool());
  }
  return values;
}

ArgumentValue read_numbers(JsonView list) {
  const auto elements = list.elements();
  bool decimals = false;
  for (const JsonView element : elements) {
    decimals = decimals || element.type() == JsonType::kDecimal;
  }
  if (decimals) {
    std::vector<double> values;
    for (const JsonView element : elements) {
      values.push_back(element.as_number());
    }
    return values;
  }
  std::vector<std::int64_t> values;
  values.reserve(list.size());
  for (const JsonView element : elements) {
    values.push_back(element.as_integer(INT64_MIN, INT64_MAX, "an integer of 64 bits"));
  }
  return values;
}

ArgumentValue read_list(JsonView list) {
  if (list.size() == 0) {
    return std::vector<std::int64_t>{};
  }
  switch ((*list.elements().begin()).type()) {
    case JsonType::kBool:
      return read_bools(list);
    case JsonType::kInteger:
    case JsonType::kDecimal:
      return read_numbers(list);
    case JsonType::kNull:
    case JsonType::kObject:
      return read_input_list(list);
    default:
      list.fail(
          "expected a list of numbers, of true and false, or of tensors ({\"in\": N} or null)");
  }
}

DType read_dtype_name(JsonView json) {
  const std::optional<DType> dtype = dtype_named(json.as_string("the name of an element type"));
  if (!dtype) {
    json.fail_expected("an element type such as \"float32\"");
  }
  return *dtype;
}

MemoryFormat read_memory_format(JsonView json) {
  const std::string_view name = json.as_string("the name of a memory format");
  const auto* const found =
      std::find_if(kMemoryFormats.begin(), kMemoryFormats.end(),
                   [&](MemoryFormat format) { return name_of(format) == name; });
  if (found == kMemoryFormats.end()) {
    json.fail_expected("\"contiguous\", \"channels_last\", \"channels_last_3d\" or \"preserve\"");
  }
  return *found;
}

ArgumentValue read_empty_list(JsonView json, ArgumentValue empty) {
  if (!json.is_array() || json.size() != 0) {
    json.fail_expected("an empty list (one with elements needs no tag)");
  }
  return empty;
}

ArgumentValue read_floats(JsonView json) {
  std::vector<double> values;
  for (const JsonView element : json.elements("a list of numbers")) {
    values.push_back(read_any_double(element));
  }
  return values;
}

ArgumentValue read_tagged(JsonView json) {
  if (json.size() != 1) {
    json.fail("expected an object with exactly one key, such as {\"in\": 0}");
  }
  const JsonView value = *json.members().begin();
  const std::string_view tag = value.key();
  if (tag == "in") {
    return InputArgument{read_input_number(json)};
  }
  if (tag == "tensors") {
    return read_empty_list(value, InputListArgument{});
  }
  if (tag == "bools") {
    return read_empty_list(value, std::vector<bool>{});
  }
  if (tag == "float") {
    return read_any_double(value);
  }
  if (tag == "floats") {
    return read_floats(value);
  }
  if (tag == "dtype") {
    return read_dtype_name(value);
  }
  if (tag == "memory_format") {
    return read_memory_format(value);
  }
  if (tag == "layout") {
    if (value.as_string("the name of a layout") != kStrided) {
      value.fail_expected("\"strided\", the only layout there is");
    }
    return Layout::kStrided;
  }
  if (tag == "device") {
    return DeviceArgument{std::string(value.as_string("the name of a device"))};
  }
  json.only_keys(kTags, "an argument");
  return {};
}

// Appends a comma-separated list in brackets.
template <typename List, typename AppendOne>
void append_list(std::string& out, const List& list, AppendOne append_one) {
  out += '[';
  bool first = true;
  for (const auto& value : list) {
    if (!first) {
      out += ',';
    }
    first = false;
    append_one(value);
  }
  out += ']';
}

struct Appender {
  std::string& out;

  void tagged(std::string_view tag, std::string_view name) const {
    out += "{\"";
    out += tag;
    out += "\":";
    append_quoted(out, name);
    out += '}';
  }
  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { append_integer(out, value); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      append_decimal(out, value);
      return;
    }
    out += "{\"float\":";
    append_any_double(out, value);
    out += '}';
  }
  void operator()(const std::string& value) const { append_quoted(out, value); }
  void operator()(const std::vector<bool>& values) const {
    if (values.empty()) {
      out += "{\"bools\":[]}";
      return;
    }
    append_list(out, values, [&](bool value) { (*this)(value); });
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    append_list(out, values, [&](std::int64_t value) { append_integer(out, value); });
  }
  void operator()(const std::vector<double>& values) const {
    const bool natural = !values.empty() && std::all_of(values.begin(), values.end(),
                                                        [](double v) { return std::isfinite(v); });
    if (natural) {
      append_list(out, values, [&](double value) { append_decimal(out, value); });
      return;
    }
    out += "{\"floats\":";
    append_list(out, values, [&](double value) { append_any_double(out, value); });
    out += '}';
  }
  void operator()(const InputArgument& value) const {
    out += "{\"in\":";
    append_unsigned(out, value.input);
    out += '}';
  }
  void operator()(const InputListArgument& value) const {
    if (value.inputs.empty()) {
      out += "{\"tensors\":[]}";
      return;
    }
    append_list(out, value.inputs, [&](const std::optional<std::uint32_t>& input) {
      input ? (*this)(InputArgument{*input}) : (*this)(std::monostate{});
    });
  }
  void operator()(DType value) const { tagged("dtype", name_of(value)); }
  void operator()(MemoryFormat value) const { tagged("memory_format", name_of(value)); }
  void operator()(Layout /*value*/) const { tagged("layout", kStrided); }
  void operator()(const DeviceArgument& value) const { tagged("device", value.device); }
};

}  // namespace

ArgumentValue read_argument(JsonView json) {
  switch (json.type()) {
    case JsonType::kNull:
      return std::monostate{};
    case JsonType::kBool:
      return json.as_bool();
    case JsonType::kInteger:
      return json.as_integer(INT64_MIN, INT64_MAX, "an integer of 64 bits");
    case JsonType::kDecimal:
      return json.as_number();
    case JsonType::kString:
      return std::string(json.as_string());
    case JsonType::kArray:
      return read_list(json);
    case JsonType::kObject:
      return read_tagged(json);
  }
  return {};
}

void append_argument(std::string& out, const ArgumentValue& value) {
  std::visit(Appender{out}, value);
}

double read_any_double(JsonView json) {
  if (!json.is_string()) {
    return json.as_number("a number, \"inf\", \"-inf\" or \"nan\"");
  }
  const std::string_view name = json.as_string();
  if (name == "inf" || name == "-inf") {
    const double infinite = std::numeric_limits<double>::infinity();
    return name == "inf" ? infinite : -infinite;
  }
  if (name != "nan") {
    json.fail_expected("a number, \"inf\", \"-inf\" or \"nan\"");
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void append_any_double(std::string& out, double value) {
  if (std::isfinite(value)) {
    append_number(out, value);
  } else if (std::isnan(value)) {
    out += "\"nan\"";
  } else {
    out += value > 0 ? "\"inf\"" : "\"-inf\"";
  }
}

}  // namespace placer
