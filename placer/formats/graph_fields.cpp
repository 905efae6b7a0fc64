#include "placer/formats/graph_fields.h"

#include <array>
#include <string>

namespace placer {
namespace {

constexpr std::int64_t kMostBytes = (std::int64_t{1} << 62) - 1;
constexpr std::int64_t kMostInputs = 1 << 20;
constexpr std::size_t kMostKinds = 64;

// The value of an enumeration by the name it has in files.
template <typename Enum, std::size_t N>
Enum read_enum(JsonView json, const std::array<Enum, N>& values, std::string_view what) {
  const std::string_view text = json.as_string(what);
  for (const Enum value : values) {
    if (name_of(value) == text) {
      return value;
    }
  }
  json.fail_expected(what);
}

void read_shape(JsonView json, TensorSpec& tensor) {
  const JsonView dtype = json.at("dtype", "an element type with a shape, or bytes");
  const auto known = dtype_named(dtype.as_string("an element type such as \"float32\""));
  if (!known) {
    dtype.fail_expected("an element type such as \"float32\"");
  }
  tensor.dtype = *known;
  const JsonView shape = json.at("shape", "a list of sizes");
  tensor.shape.reserve(shape.size());
  for (const JsonView size : shape.elements("a list of sizes")) {
    tensor.shape.push_back(size.as_integer(0, kMostBytes, "a size: an integer from 0 to 2^62 - 1"));
  }
  const auto bytes = bytes_of(tensor.dtype, tensor.shape);
  if (!bytes || bytes->count > kMostBytes) {
    shape.fail("a tensor of this shape has 2^62 bytes or more");
  }
  tensor.bytes = *bytes;
}

OpTime read_time_list(JsonView json) {
  if (json.size() != 2 && json.size() != 3) {
    json.fail_expected("[time, minimum], [time, minimum, busy], a time, or null");
  }
  auto value = json.elements().begin();
  OpTime time;
  time.time = (*value).as_microseconds();
  time.minimum = (*++value).as_microseconds();
  if (json.size() == 3) {
    time.busy = (*++value).as_microseconds();
  }
  return time;
}

KindTimes read_kind_times(JsonView json) {
  constexpr std::array<std::string_view, 7> kKeys{"kind",    "machine", "library", "method",
                                                  "repeats", "date",    "workload"};
  json.only_keys(kKeys, "an entry of \"times\"");
  const auto text = [&](std::string_view key) {
    const auto member = json.find(key);
    return member ? std::string(member->as_string()) : std::string();
  };
  KindTimes times;
  times.kind = json.at("kind", "a kind of device").as_name("a kind of device");
  times.info.machine = text("machine");
  times.info.library = text("library");
  times.info.method = text("method");
  times.info.date = text("date");
  times.info.workload = text("workload");
  if (const auto repeats = json.find("repeats")) {
    times.info.repeats = static_cast<int>(repeats->as_integer(0, 1'000'000'000, "a count"));
  }
  return times;
}

}  // namespace

NodeKind read_kind(JsonView json) {
  constexpr std::array kKinds{NodeKind::kInput, NodeKind::kState, NodeKind::kConstant,
                              NodeKind::kOp, NodeKind::kOutput};
  return read_enum(json, kKinds, R"("input", "state", "constant", "op" or "output")");
}

Pass read_pass(JsonView json) {
  constexpr std::array kPasses{Pass::kForward, Pass::kBackward, Pass::kUpdate};
  return read_enum(json, kPasses, R"("forward", "backward" or "update")");
}

StateRole read_state_role(JsonView json) {
  constexpr std::array kRoles{StateRole::kParameter, StateRole::kBuffer, StateRole::kOptimizer};
  return read_enum(json, kRoles, R"("parameter", "buffer" or "optimizer")");
}

OutputRole read_output_role(JsonView json) {
  constexpr std::array kRoles{OutputRole::kLoss, OutputRole::kGradient, OutputRole::kStateWrite,
                              OutputRole::kResult};
  return read_enum(json, kRoles, R"("loss", "gradient", "state_write" or "result")");
}

std::span<const std::string_view> keys_of(NodeKind kind) {
  static constexpr std::array<std::string_view, 8> kInput{"name",     "kind",    "pass",   "module",
                                                          "colocate", "outputs", "origin", "range"};
  static constexpr std::array<std::string_view, 10> kState{
      "name",    "kind",   "pass", "module", "colocate",
      "outputs", "origin", "role", "target", "values"};
  static constexpr std::array<std::string_view, 8> kConstant{
      "name", "kind", "pass", "module", "colocate", "outputs", "origin", "values"};
  static constexpr std::array<std::string_view, 15> kOp{
      "name",     "kind",   "pass",  "module", "colocate", "outputs",         "op",
      "overload", "inputs", "after", "args",   "mutates",  "workspace_bytes", "resident_bytes",
      "time_us"};
  static constexpr std::array<std::string_view, 9> kOutput{
      "name", "kind", "pass", "module", "colocate", "inputs", "after", "role", "target"};
  switch (kind) {
    case NodeKind::kInput:
      return kInput;
    case NodeKind::kState:
      return kState;
    case NodeKind::kConstant:
      return kConstant;
    case NodeKind::kOp:
      return kOp;
    case NodeKind::kOutput:
      return kOutput;
  }
  return {};
}

std::uint32_t read_input_number(JsonView json) {
  return static_cast<std::uint32_t>(json.as_integer(0, kMostInputs, "the number of an input"));
}

TensorSpec read_tensor(JsonView json) {
  constexpr std::array<std::string_view, 5> kKeys{"dtype", "shape", "bytes", "alias_of",
                                                  "transfer_us"};
  json.only_keys(kKeys, "a tensor");
  TensorSpec tensor;
  const auto dtype = json.find("dtype");
  if (const auto bytes = json.find("bytes")) {
    if (dtype || json.find("shape")) {
      bytes->fail("follows from dtype and shape: give those or this, not both");
    }
    tensor.bytes = bytes->as_bytes(0, kMostBytes);
  } else {
    read_shape(json, tensor);
  }
  if (const auto base = json.find("alias_of")) {
    tensor.alias_of = read_input_number(*base);
  }
  if (const auto transfer = json.find("transfer_us")) {
    static_cast<void>(transfer->as_microseconds());  // refuses what is no time
    tensor.transfer_us = transfer->as_number("microseconds");
  }
  return tensor;
}

OpTime time_as_stated(SimTime time, double microseconds) {
  OpTime result{time, time};
  const double spelled = static_cast<double>(time.ps) / 1e6;  // what its decimals read back as
  if (microseconds != time.microseconds() || microseconds != spelled) {
    result.exact_us = microseconds;
  }
  return result;
}

std::optional<OpTime> read_op_time(JsonView json) {
  if (json.is_null()) {
    return std::nullopt;
  }
  if (json.is_array()) {
    return read_time_list(json);
  }
  return time_as_stated(json.as_microseconds(), json.as_number("microseconds"));
}

GraphInfo read_info(JsonView root) {
  constexpr std::array<std::string_view, 5> kKeys{"file", "hash", "producer", "weights",
                                                  "weights_model"};
  GraphInfo info;
  if (const auto name = root.find("name")) {
    info.name = name->as_string();
  }
  if (const auto source = root.find("source")) {
    source->only_keys(kKeys, "the source");
    const auto text = [&](std::string_view key) {
      const auto member = source->find(key);
      return member ? std::string(member->as_string()) : std::string();
    };
    info.source = text("file");
    info.source_hash = text("hash");
    info.producer = text("producer");
    info.weights = text("weights");
    info.weights_model = text("weights_model");
  }
  return info;
}

std::vector<KindTimes> read_kinds(JsonView root) {
  std::vector<KindTimes> kinds;
  const auto times = root.find("times");
  if (!times) {
    return kinds;
  }
  for (const JsonView entry : times->elements("a list of kinds of devices")) {
    if (kinds.size() == kMostKinds) {
      entry.fail("more than " + std::to_string(kMostKinds) + " kinds");
    }
    kinds.push_back(read_kind_times(entry));
    for (std::size_t i = 0; i + 1 < kinds.size(); ++i) {
      if (kinds[i].kind == kinds.back().kind) {
        entry.at("kind", "")
            .fail("\"" + kinds[i].kind + "\" is the kind of times[" + std::to_string(i) + "] too");
      }
    }
  }
  return kinds;
}

}  // namespace placer
