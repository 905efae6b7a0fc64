#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/formats.h"
#include "placer/formats/json_text.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::int64_t kMostBytes = (std::int64_t{1} << 62) - 1;

std::string text_of(JsonView json, std::string_view key) {
  const auto member = json.find(key);
  return member ? std::string(member->as_string()) : std::string();
}

double read_microseconds(JsonView json) {
  constexpr std::string_view kWhat = "a number of microseconds, 0 or more";
  const double value = json.as_number(kWhat);
  if (value < 0) {
    json.fail_expected(kWhat);
  }
  return value;
}

void read_devices(JsonView json, PlacementFile& file) {
  for (const JsonView device : json.elements("a list of names of devices")) {
    const std::string name(device.as_name("a device's name"));
    if (std::find(file.devices.begin(), file.devices.end(), name) != file.devices.end()) {
      device.fail("two devices are named \"" + name + "\"");
    }
    file.devices.push_back(name);
  }
}

void read_subject(JsonView root, PlacementFile& file) {
  constexpr std::array<std::string_view, 2> kGraphKeys{"name", "hash"};
  constexpr std::array<std::string_view, 2> kClusterKeys{"hash", "devices"};
  if (const auto graph = root.find("graph")) {
    graph->only_keys(kGraphKeys, "the graph's entry");
    file.graph_name = text_of(*graph, "name");
    file.graph_hash = text_of(*graph, "hash");
  }
  if (const auto cluster = root.find("cluster")) {
    cluster->only_keys(kClusterKeys, "the cluster's entry");
    file.cluster_hash = text_of(*cluster, "hash");
    if (const auto devices = cluster->find("devices")) {
      read_devices(*devices, file);
    }
  }
}

void read_provenance(JsonView json, Provenance& provenance) {
  constexpr std::array<std::string_view, 6> kKeys{"algorithm", "seed", "command",
                                                  "tool",      "date", "evaluations"};
  json.only_keys(kKeys, "the provenance");
  provenance.algorithm = text_of(json, "algorithm");
  provenance.command = text_of(json, "command");
  provenance.tool = text_of(json, "tool");
  provenance.date = text_of(json, "date");
  if (const auto seed = json.find("seed")) {
    provenance.seed = seed->as_unsigned("an integer from 0 to 2^64 - 1");
  }
  if (const auto evaluations = json.find("evaluations")) {
    provenance.evaluations = evaluations->as_unsigned("a count");
  }
}

void read_predicted(JsonView json, PlacementFile& file) {
  constexpr std::array<std::string_view, 4> kKeys{"step_time_us", "objective", "value",
                                                  "peak_memory_bytes"};
  json.only_keys(kKeys, "the prediction");
  if (const auto time = json.find("step_time_us")) {
    file.provenance.predicted_us = read_microseconds(*time);
  }
  if (const auto objective = json.find("objective")) {
    file.provenance.objective = objective->as_name("the name of an objective");
    file.provenance.objective_value = json.at("value", "the objective's value").as_number();
  }
  const auto peaks = json.find("peak_memory_bytes");
  if (!peaks) {
    return;
  }
  for (const JsonView peak : peaks->members("an object: device -> bytes")) {
    if (std::find(file.devices.begin(), file.devices.end(), peak.key()) == file.devices.end()) {
      peak.fail("not one of cluster.devices" + did_you_mean(peak.key(), file.devices));
    }
  }
  for (const std::string& device : file.devices) {
    file.provenance.predicted_peak_memory.push_back(
        peaks->at(device, "a number of bytes for every device").as_bytes(0, kMostBytes));
  }
}

MeasuredTime read_measured(JsonView json) {
  constexpr std::array<std::string_view, 5> kKeys{"median_us", "low_us", "high_us", "samples",
                                                  "method"};
  json.only_keys(kKeys, "the measurement");
  MeasuredTime measured;
  measured.median_us = read_microseconds(json.at("median_us", "microseconds"));
  measured.low_us = read_microseconds(json.at("low_us", "microseconds"));
  measured.high_us = read_microseconds(json.at("high_us", "microseconds"));
  if (measured.low_us > measured.median_us || measured.median_us > measured.high_us) {
    json.fail("expected low_us <= median_us <= high_us");
  }
  measured.samples =
      static_cast<int>(json.at("samples", "a count").as_integer(0, 1'000'000'000, "a count"));
  measured.method = text_of(json, "method");
  return measured;
}

void read_assignment(JsonView json, PlacementFile& file) {
  for (const JsonView node : json.members("an object: node -> device")) {
    const std::string device(node.as_name("the name of a device"));
    const bool known = file.devices.empty() || std::find(file.devices.begin(), file.devices.end(),
                                                         device) != file.devices.end();
    if (!known) {
      node.fail("\"" + device + "\" is not one of cluster.devices" +
                did_you_mean(device, file.devices));
    }
    file.assignment.emplace(node.key(), device);
  }
  if (file.assignment.empty()) {
    json.fail_expected("a device for every node");
  }
}

void read_priority(JsonView json, PlacementFile& file) {
  for (const JsonView node : json.members("an object: node -> integer")) {
    if (!file.assignment.contains(std::string(node.key()))) {
      node.fail("the assignment has no such node");
    }
    file.priority.emplace(node.key(),
                          node.as_integer(INT64_MIN, INT64_MAX, "an integer of 64 bits"));
  }
  for (const auto& [name, device] : file.assignment) {
    if (!file.priority.contains(name)) {
      json.fail("missing \"" + name + "\", expected a priority for every node or none");
    }
  }
}

void write_subject(JsonMembers& root, std::string& out, const PlacementFile& file) {
  const auto text = [&](JsonMembers& members, std::string_view key, const std::string& value) {
    if (!value.empty()) {
      append_quoted(members.next(key), value);
    }
  };
  if (!file.graph_name.empty() || !file.graph_hash.empty()) {
    root.next("graph") += '{';
    JsonMembers members(out, ", ");
    text(members, "name", file.graph_name);
    text(members, "hash", file.graph_hash);
    out += '}';
  }
  if (!file.cluster_hash.empty() || !file.devices.empty()) {
    root.next("cluster") += '{';
    JsonMembers members(out, ", ");
    text(members, "hash", file.cluster_hash);
    if (!file.devices.empty()) {
      members.next("devices") += '[';
      for (std::size_t i = 0; i < file.devices.size(); ++i) {
        out += i == 0 ? "" : ", ";
        append_quoted(out, file.devices[i]);
      }
      out += ']';
    }
    out += '}';
  }
}

void write_provenance(JsonMembers& root, std::string& out, const Provenance& provenance) {
  root.next("provenance") += '{';
  JsonMembers members(out, ", ");
  append_quoted(members.next("algorithm"), provenance.algorithm);
  append_unsigned(members.next("seed"), provenance.seed);
  append_unsigned(members.next("evaluations"), provenance.evaluations);
  append_quoted(members.next("command"), provenance.command);
  append_quoted(members.next("tool"), provenance.tool);
  append_quoted(members.next("date"), provenance.date);
  out += '}';
}

void write_figures(JsonMembers& root, std::string& out, const PlacementFile& file) {
  const Provenance& provenance = file.provenance;
  const std::vector<Bytes>& peaks = provenance.predicted_peak_memory;
  if (provenance.predicted_us || provenance.objective_value || !peaks.empty()) {
    root.next("predicted") += '{';
    JsonMembers members(out, ", ");
    if (provenance.predicted_us) {
      append_number(members.next("step_time_us"), *provenance.predicted_us);
    }
    if (provenance.objective_value) {
      append_quoted(members.next("objective"), provenance.objective);
      append_number(members.next("value"), *provenance.objective_value);
    }
    if (!peaks.empty()) {
      PLACER_CHECK(peaks.size() == file.devices.size(), "a peak for every device");
      members.next("peak_memory_bytes") += '{';
      JsonMembers of_device(out, ", ");
      for (std::size_t i = 0; i < peaks.size(); ++i) {
        append_integer(of_device.next(file.devices[i]), peaks[i].count);
      }
      out += '}';
    }
    out += '}';
  }
  if (const auto& measured = provenance.measured) {
    root.next("measured") += '{';
    JsonMembers members(out, ", ");
    append_number(members.next("median_us"), measured->median_us);
    append_number(members.next("low_us"), measured->low_us);
    append_number(members.next("high_us"), measured->high_us);
    append_integer(members.next("samples"), measured->samples);
    append_quoted(members.next("method"), measured->method);
    out += '}';
  }
}

}  // namespace

PlacementFile read_placement(std::string_view text, const std::string& file) {
  constexpr std::array<std::string_view, 9> kKeys{"format",   "version",    "graph",
                                                  "cluster",  "provenance", "predicted",
                                                  "measured", "assignment", "priority"};
  check_header(text, file, "placer.placement");
  const JsonDocument document = parse_json(text, file);
  const JsonView root = document.root();
  root.only_keys(kKeys, "a placement");
  PlacementFile placement;
  read_subject(root, placement);
  if (const auto provenance = root.find("provenance")) {
    read_provenance(*provenance, placement.provenance);
  }
  if (const auto predicted = root.find("predicted")) {
    read_predicted(*predicted, placement);
  }
  if (const auto measured = root.find("measured")) {
    placement.provenance.measured = read_measured(*measured);
  }
  read_assignment(root.at("assignment", "an object: node -> device"), placement);
  if (const auto priority = root.find("priority")) {
    read_priority(*priority, placement);
  }
  return placement;
}

std::string write_placement(const PlacementFile& placement) {
  std::string out = "{\n  ";
  JsonMembers root(out, ",\n  ");
  append_quoted(root.next("format"), "placer.placement");
  append_integer(root.next("version"), 1);
  write_subject(root, out, placement);
  write_provenance(root, out, placement.provenance);
  write_figures(root, out, placement);
  root.next("assignment") += "{\n    ";
  JsonMembers assignment(out, ",\n    ");
  for (const auto& [node, device] : placement.assignment) {
    append_quoted(assignment.next(node), device);
  }
  out += "\n  }";
  if (!placement.priority.empty()) {
    root.next("priority") += "{\n    ";
    JsonMembers priority(out, ",\n    ");
    for (const auto& [node, value] : placement.priority) {
      append_integer(priority.next(node), value);
    }
    out += "\n  }";
  }
  out += "\n}\n";
  return out;
}

PlacementFile to_file(const Graph& graph, const Cluster& cluster, const Placement& placement,
                      Provenance provenance) {
  PLACER_CHECK(placement.device.size() == graph.size(), "a device for every node");
  PlacementFile file;
  file.graph_name = graph.info().name;
  file.graph_hash = graph.hash();
  file.cluster_hash = cluster.hash();
  for (const Device& device : cluster.devices()) {
    file.devices.push_back(device.name);
  }
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const std::string& name = graph.node(id_at<NodeId>(i)).name;
    file.assignment.emplace(name, cluster.device(placement.device[i]).name);
    if (!placement.priority.empty()) {
      file.priority.emplace(name, placement.priority[i]);
    }
  }
  file.provenance = std::move(provenance);
  return file;
}

Placement bind_placement(const PlacementFile& placement, const Graph& graph, const Cluster& cluster,
                         const std::string& file) {
  const bool other_graph = !placement.graph_hash.empty() && placement.graph_hash != graph.hash();
  const auto fail = [&](const std::string& where, const std::string& text) {
    throw Error(ErrorKind::kBadInput, file, where,
                text + (other_graph ? "; the placement was made for another graph (\"" +
                                          placement.graph_name + "\", " + placement.graph_hash + ")"
                                    : ""));
  };
  std::vector<std::string> devices;
  for (const Device& device : cluster.devices()) {
    devices.push_back(device.name);
  }
  Placement bound{std::vector<DeviceId>(graph.size()), {}};
  std::vector<bool> placed(graph.size(), false);
  for (const auto& [name, device_name] : placement.assignment) {
    const auto node = graph.find(name);
    if (!node) {
      fail(member_path("assignment", name), "the graph has no such node");
    }
    const auto device = cluster.find(device_name);
    if (!device) {
      fail(member_path("assignment", name), "the cluster has no device \"" + device_name + "\"" +
                                                did_you_mean(device_name, devices));
    }
    bound.device[index(*node)] = *device;
    placed[index(*node)] = true;
  }
  const auto missing = std::find(placed.begin(), placed.end(), false);
  if (missing != placed.end()) {
    const auto id = id_at<NodeId>(static_cast<std::size_t>(missing - placed.begin()));
    fail("assignment", "no device for node \"" + graph.node(id).name + "\"; nodes without one: " +
                           std::to_string(std::count(placed.begin(), placed.end(), false)) +
                           " of " + std::to_string(graph.size()));
  }
  if (!placement.priority.empty()) {
    bound.priority.resize(graph.size());
    for (const auto& [name, value] : placement.priority) {
      if (const auto node = graph.find(name)) {
        bound.priority[index(*node)] = value;
      }
    }
  }
  return bound;
}

}  // namespace placer
