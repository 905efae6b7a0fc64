#include "placer/formats/import_dnn_partitioning.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "placer/formats/json_quantities.h"

namespace placer {
namespace {

constexpr double kMicrosecondsPerMs = 1000;
constexpr double kMostMs = kMostStatedMicroseconds / kMicrosecondsPerMs;
// Every transfer's time is stated, so that this only marks a link that copies.
constexpr double kBytesPerSecond = 0x1p31;

double read_microseconds(JsonView json) {
  return kMicrosecondsPerMs * read_amount(json, kMostMs, "milliseconds from 0 to 86400000 (a day)");
}

std::int64_t read_id(JsonView json) {
  return read_whole(json, -kMostWholeDouble, "a whole number, the id of a node");
}

// true, false, 1, 0, 1.0, 0.0.
bool read_flag(JsonView json) {
  if (json.type() == JsonType::kBool) {
    return json.as_bool();
  }
  constexpr std::string_view kWhat = "true, false, 1 or 0";
  const double value = json.as_number(kWhat);
  if (value != 0 && value != 1) {
    json.fail_expected(kWhat);
  }
  return value == 1;
}

class WorkloadReader {
 public:
  WorkloadReader(JsonView root, const std::string& file) : root_(root), file_(file) {}

  ImportedWorkload read(GraphInfo info) {
    if (!root_.is_object()) {
      root_.fail_expected("a workload with maxFPGAs, nodes and edges");
    }
    Cluster cluster = read_cluster_of(info.name);
    const JsonView nodes = root_.at("nodes", "a list of nodes");
    for (const JsonView node : nodes.elements("a list of nodes")) {
      read_node(node);
    }
    if (nodes_.empty()) {
      nodes.fail_expected("at least one node");
    }
    for (const JsonView edge : root_.at("edges", "a list of edges").elements("a list of edges")) {
      read_edge(edge);
    }
    OrderedGraph built = build_imported(
        std::move(info), std::move(nodes_), file_,
        [](std::size_t position) { return "nodes[" + std::to_string(position) + "]"; });
    OpTimes times;
    times.set(times_in_order("acc", "stated by the dnn-partitioning file", accelerator_times_,
                             built.order));
    times.set(
        times_in_order("cpu", "stated by the dnn-partitioning file", cpu_times_, built.order));
    return {{std::move(built.graph), std::move(times)}, std::move(cluster)};
  }

 private:
  Cluster read_cluster_of(const std::string& name) {
    const auto count = [&](std::string_view key) {
      const JsonView json = root_.at(key, "how many devices there are");
      const std::int64_t value = read_whole(json, 0, "a number of devices from 0 to 64");
      if (value > static_cast<std::int64_t>(kMaxDevices)) {
        json.fail_expected("a number of devices from 0 to 64");
      }
      return static_cast<std::size_t>(value);
    };
    // A limit above what a cluster can say is none.
    const double most = read_amount(root_.at("maxSizePerFPGA", "a number of bytes"),
                                    std::numeric_limits<double>::max(), "a number of bytes");
    const Bytes memory{
        static_cast<std::int64_t>(std::min(most, static_cast<double>(kMostMemory.count)))};
    const std::size_t accelerators = count("maxFPGAs");
    const std::size_t hosts = count("maxCPUs");
    if (accelerators + hosts == 0 || accelerators + hosts > kMaxDevices) {
      root_.fail("maxFPGAs and maxCPUs together must be from 1 to 64, found " +
                 std::to_string(accelerators + hosts));
    }
    std::vector<Device> devices;
    for (std::size_t i = 0; i < accelerators; ++i) {
      devices.push_back(device("acc", i, memory));
    }
    for (std::size_t i = 0; i < hosts; ++i) {
      devices.push_back(device("cpu", i, kMostMemory));
    }
    return {name, std::move(devices), links_of(accelerators, hosts)};
  }

  static Device device(const std::string& kind, std::size_t number, Bytes memory) {
    return {.name = kind + ":" + std::to_string(number),
            .kind = kind,
            .memory = memory,
            .pool = std::nullopt,
            .cores = {},
            .overhead = {}};
  }

  static std::vector<Link> links_of(std::size_t accelerators, std::size_t hosts) {
    std::vector<Link> links(3);
    links[0].name = "host";
    links[0].bytes_per_second = kBytesPerSecond;
    links[1].name = "through-host";
    links[1].bytes_per_second = kBytesPerSecond;
    links[1].transfer_scale = 2;
    links[2].name = "memory";
    for (std::size_t from = 0; from < accelerators + hosts; ++from) {
      for (std::size_t to = 0; to < accelerators + hosts; ++to) {
        if (from == to) {
          continue;
        }
        const std::size_t ends = (from < accelerators ? 1U : 0U) + (to < accelerators ? 1U : 0U);
        Link& link = links[ends == 0 ? 2 : ends - 1];
        link.pairs.emplace_back(id_at<DeviceId>(from), id_at<DeviceId>(to));
      }
    }
    std::erase_if(links, [](const Link& link) { return link.pairs.empty(); });
    return links;
  }

  void read_node(JsonView json) {
    const JsonView id_json = json.at("id", "the node's id");
    const std::int64_t id = read_id(id_json);
    const auto [known, is_new] = position_of_.emplace(id, nodes_.size());
    if (!is_new) {
      id_json.fail(std::to_string(id) + " is the id of nodes[" + std::to_string(known->second) +
                   "] too");
    }
    Node node;
    node.name = std::to_string(id);
    node.op = label_of(json);
    node.overload = "default";
    node.resident = read_bytes(json.at("size", "a number of bytes"));
    if (const auto backward = json.find("isBackwardNode"); backward && read_flag(*backward)) {
      node.pass = Pass::kBackward;
    }
    if (const auto color = json.find("colorClass"); color && !color->is_null()) {
      node.colocate = std::to_string(read_whole(*color, -kMostWholeDouble, "a whole number"));
    }
    nodes_.push_back(std::move(node));
    read_times(json);
  }

  // The name is decoration: names may stand twice, ids may not.
  static std::string label_of(JsonView json) {
    const auto name = json.find("name");
    return name && name->is_string() && !name->as_string().empty() ? std::string(name->as_string())
                                                                   : "node";
  }

  void read_times(JsonView json) {
    const bool supported = read_flag(json.at("supportedOnFpga", "true or false"));
    std::optional<OpTime> time;
    if (supported) {
      const JsonView latency = json.at("fpgaLatency", "milliseconds");
      time = stated_time(read_microseconds(latency));
      add_up(latency, accelerator_total_, time->time);
    }
    accelerator_times_.push_back(time);
    const JsonView latency = json.at("cpuLatency", "milliseconds");
    cpu_times_.emplace_back(stated_time(read_microseconds(latency)));
    add_up(latency, cpu_total_, cpu_times_.back()->time);
  }

  void read_edge(JsonView json) {
    const std::size_t from = end_of(json, "sourceId");
    const std::size_t to = end_of(json, "destId");
    const std::string edge_name = nodes_[from].name + " -> " + nodes_[to].name;
    if (from == to) {
      json.fail("the edge " + edge_name + " leads back to its own node");
    }
    const JsonView cost_json = json.at("cost", "milliseconds");
    const double cost = read_microseconds(cost_json);
    if (!edges_.emplace(from, to).second) {
      json.fail("the edge " + edge_name + " stands twice");
    }
    std::vector<TensorSpec>& outputs = nodes_[from].outputs;
    if (outputs.empty()) {
      TensorSpec output;
      output.transfer_us = cost;
      outputs.push_back(output);
      add_up(cost_json, transfer_total_, from_microseconds(cost));
    } else if (outputs[0].transfer_us != cost) {
      cost_json.fail("out-edges of node " + nodes_[from].name +
                     " have different costs, expected one: its output moves as a whole");
    }
    nodes_[to].inputs.push_back({id_at<NodeId>(from), 0});
  }

  [[nodiscard]] std::size_t end_of(JsonView edge, std::string_view key) const {
    const JsonView json = edge.at(key, "the id of a node");
    const std::int64_t id = read_id(json);
    const auto found = position_of_.find(id);
    if (found == position_of_.end()) {
      json.fail("no node has the id " + std::to_string(id));
    }
    return found->second;
  }

  JsonView root_;
  const std::string& file_;
  std::vector<Node> nodes_;
  std::vector<std::optional<OpTime>> accelerator_times_;  // [nodes]
  std::vector<std::optional<OpTime>> cpu_times_;          // [nodes]
  StatedTotal accelerator_total_;
  StatedTotal cpu_total_;
  StatedTotal transfer_total_;
  std::unordered_map<std::int64_t, std::size_t> position_of_;  // by id
  std::set<std::pair<std::size_t, std::size_t>> edges_;
};

}  // namespace

ImportedWorkload import_dnn_partitioning(std::string_view text, const std::string& file,
                                         const std::string& name) {
  const JsonDocument document = parse_json(text, file);
  return WorkloadReader(document.root(), file)
      .read(imported_info(text, file, name, "dnn-partitioning"));
}

}  // namespace placer
