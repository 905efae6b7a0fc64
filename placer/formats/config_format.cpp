#include <algorithm>
#include <array>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "placer/formats/json_text.h"
#include "placer/formats/json_tree.h"
#include "placer/formats/parameter.h"

namespace placer {
namespace {

constexpr std::array<std::string_view, 3> kSignals{"simulated", "measured", "both"};
constexpr std::int64_t kMostGroups = 1'000'000;

void read_text(JsonView root, std::string_view key, std::string& text) {
  if (const auto member = root.find(key)) {
    text = member->as_name("a string that is not empty");
  }
}

void read_flag(JsonView root, std::string_view key, bool& flag) {
  if (const auto member = root.find(key)) {
    flag = member->as_bool();
  }
}

void read_list(JsonView parent, std::string_view key, std::string_view what,
               std::vector<std::string>& list) {
  const auto member = parent.find(key);
  if (!member) {
    return;
  }
  for (const JsonView element : member->elements("a list of strings")) {
    list.emplace_back(element.as_name(what));
  }
}

void read_parameters(JsonView json, Config& config) {
  for (const JsonView algorithm : json.members("an object: algorithm -> parameters")) {
    auto& parameters = config.parameters[std::string(algorithm.key())];
    for (const JsonView parameter : algorithm.members("an object: parameter -> value")) {
      parameters.emplace(parameter.key(), read_parameter(parameter));
    }
  }
}

void check_assignments(JsonView constraints, std::string_view key, std::string_view what) {
  const auto list = constraints.find(key);
  if (!list) {
    return;
  }
  for (const JsonView element : list->elements()) {
    const std::string_view text = element.as_string();
    const std::size_t sign = text.rfind('=');
    if (sign == std::string_view::npos || sign == 0 || sign + 1 == text.size()) {
      element.fail_expected(what);
    }
    if ((key == "max_memory" || key == "reserve") && !parse_bytes(text.substr(sign + 1))) {
      element.fail_expected(what);
    }
  }
}

void read_constraints(JsonView json, ConstraintOptions& constraints) {
  constexpr std::array<std::string_view, 8> kKeys{"pin",           "forbid",     "colocate",
                                                  "keep_together", "max_memory", "reserve",
                                                  "max_devices",   "contiguous"};
  constexpr std::string_view kDevices = "\"GLOB=DEVICE[,DEVICE...]\"";
  constexpr std::string_view kLimit = "\"DEVICE=SIZE\", such as \"cpu:0=4GiB\"";
  json.only_keys(kKeys, "the constraints");
  read_list(json, "pin", kDevices, constraints.pin);
  read_list(json, "forbid", kDevices, constraints.forbid);
  read_list(json, "colocate", "\"GLOB\"", constraints.colocate);
  read_list(json, "keep_together", "\"GLOB\"", constraints.keep_together);
  read_list(json, "max_memory", kLimit, constraints.max_memory);
  read_list(json, "reserve", kLimit, constraints.reserve);
  if (const auto most = json.find("max_devices")) {
    constraints.max_devices = static_cast<std::size_t>(
        most->as_integer(1, kMaxDevices, "a count of devices from 1 to 64"));
  }
  read_flag(json, "contiguous", constraints.contiguous);
  check_assignments(json, "pin", kDevices);
  check_assignments(json, "forbid", kDevices);
  check_assignments(json, "max_memory", kLimit);
  check_assignments(json, "reserve", kLimit);
}

std::string read_signal(JsonView json) {
  std::string signal(json.as_string("\"simulated\", \"measured\" or \"both\""));
  if (std::find(kSignals.begin(), kSignals.end(), signal) == kSignals.end()) {
    json.fail_expected("\"simulated\", \"measured\" or \"both\"");
  }
  return signal;
}

void write_list(std::string& out, const std::vector<std::string>& list) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    out += i == 0 ? "" : ", ";
    append_quoted(out, list[i]);
  }
  out += ']';
}

void write_flag(JsonMembers& members, std::string_view key, bool flag) {
  members.next(key) += flag ? "true" : "false";
}

void write_parameters(JsonMembers& root, std::string& out, const Config& config) {
  root.next("parameters") += '{';
  JsonMembers algorithms(out, ", ");
  for (const auto& [algorithm, parameters] : config.parameters) {
    algorithms.next(algorithm) += '{';
    JsonMembers members(out, ", ");
    for (const auto& [name, value] : parameters) {
      append_quoted(members.next(name), value);
    }
    out += '}';
  }
  out += '}';
}

void write_constraints(JsonMembers& root, std::string& out, const ConstraintOptions& constraints) {
  root.next("constraints") += '{';
  JsonMembers members(out, ", ");
  const auto list = [&](std::string_view key, const std::vector<std::string>& values) {
    if (!values.empty()) {
      members.next(key);
      write_list(out, values);
    }
  };
  list("pin", constraints.pin);
  list("forbid", constraints.forbid);
  list("colocate", constraints.colocate);
  list("keep_together", constraints.keep_together);
  list("max_memory", constraints.max_memory);
  list("reserve", constraints.reserve);
  if (constraints.max_devices > 0) {
    append_unsigned(members.next("max_devices"), constraints.max_devices);
  }
  if (constraints.contiguous) {
    write_flag(members, "contiguous", true);
  }
  out += '}';
}

}  // namespace

Config read_config(std::string_view text, const std::string& file) {
  constexpr std::array<std::string_view, 19> kKeys{
      "format",      "version", "graph",      "cluster",     "algorithms", "parameters", "signal",
      "budget",      "seed",    "max_groups", "warm_start",  "output",     "measure",    "isolate",
      "cuda_graphs", "weights", "initial",    "constraints", "objective"};
  check_header(text, file, "placer.config");
  const JsonDocument document = parse_json(text, file);
  const JsonView root = document.root();
  root.only_keys(kKeys, "a config");
  Config config;
  read_text(root, "graph", config.graph);
  read_text(root, "cluster", config.cluster);
  read_text(root, "output", config.output);
  read_text(root, "weights", config.weights);
  read_list(root, "algorithms", "the name of an algorithm", config.algorithms);
  read_list(root, "initial", "the name of a placement file", config.initial);
  if (const auto parameters = root.find("parameters")) {
    read_parameters(*parameters, config);
  }
  read_text(root, "objective", config.objective);
  if (const auto signal = root.find("signal")) {
    config.signal = read_signal(*signal);
  }
  if (const auto budget = root.find("budget")) {
    config.budget = read_budget(*budget);
  }
  if (const auto seed = root.find("seed")) {
    config.seed = seed->as_unsigned("an integer from 0 to 2^64 - 1");
  }
  if (const auto groups = root.find("max_groups")) {
    config.max_groups = static_cast<std::size_t>(
        groups->as_integer(0, kMostGroups, "a count of groups from 0 to 1000000"));
  }
  read_flag(root, "warm_start", config.warm_start);
  read_flag(root, "measure", config.measure);
  read_flag(root, "isolate", config.isolate);
  read_flag(root, "cuda_graphs", config.cuda_graphs);
  if (const auto constraints = root.find("constraints")) {
    read_constraints(*constraints, config.constraints);
  }
  return config;
}

std::string write_config(const Config& config) {
  std::string out = "{\n  ";
  JsonMembers root(out, ",\n  ");
  const auto text_if = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) {
      append_quoted(root.next(key), text);
    }
  };
  append_quoted(root.next("format"), "placer.config");
  append_integer(root.next("version"), 1);
  text_if("graph", config.graph);
  text_if("cluster", config.cluster);
  text_if("output", config.output);
  text_if("weights", config.weights);
  root.next("algorithms");
  write_list(out, config.algorithms);
  write_parameters(root, out, config);
  append_quoted(root.next("objective"), config.objective);
  append_quoted(root.next("signal"), config.signal);
  append_quoted(root.next("budget"), config.budget);
  append_unsigned(root.next("seed"), config.seed);
  if (config.max_groups) {
    append_unsigned(root.next("max_groups"), *config.max_groups);
  }
  write_flag(root, "warm_start", config.warm_start);
  write_flag(root, "measure", config.measure);
  write_flag(root, "isolate", config.isolate);
  write_flag(root, "cuda_graphs", config.cuda_graphs);
  root.next("initial");
  write_list(out, config.initial);
  write_constraints(root, out, config.constraints);
  out += "\n}\n";
  return out;
}

}  // namespace placer
