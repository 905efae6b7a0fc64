#include "placer/formats/import_task_graph.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "placer/base/text.h"
#include "placer/formats/device_name.h"
#include "placer/formats/json_quantities.h"

namespace placer {
namespace {

constexpr double kMostBytesPerSecond = 1e18;
// Where every edge states its cost the rate only marks links that copy.
constexpr double kUnusedBytesPerSecond = 1e9;

class TaskGraphReader {
 public:
  TaskGraphReader(JsonView root, const std::string& file) : root_(root), file_(file) {}

  ImportedWorkload read(GraphInfo info, bool keep_name) {
    constexpr std::array<std::string_view, 8> kKeys{
        "format", "version", "name", "unit", "machines", "bytes_per_second", "tasks", "edges"};
    root_.only_keys(kKeys, "a task graph");
    if (const auto name = root_.find("name"); name && !keep_name) {
      info.name = name->as_name("a name");
    }
    read_unit();
    read_machines();
    if (const auto rate = root_.find("bytes_per_second")) {
      bytes_per_second_ = read_amount(*rate, kMostBytesPerSecond, "a positive number up to 1e18");
      if (*bytes_per_second_ == 0) {
        rate->fail_expected("a positive number up to 1e18");
      }
    }
    const JsonView tasks = root_.at("tasks", "a list of tasks");
    for (const JsonView task : tasks.elements("a list of tasks")) {
      read_task(task);
    }
    if (nodes_.empty()) {
      tasks.fail_expected("at least one task");
    }
    if (const auto edges = root_.find("edges")) {
      for (const JsonView edge : edges->elements("a list of edges")) {
        read_edge(edge);
      }
    }
    return finish(std::move(info));
  }

 private:
  void read_unit() {
    static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
        {{"ns", 1e-3}, {"us", 1}, {"ms", 1e3}, {"s", 1e6}}};
    const auto unit = root_.find("unit");
    if (!unit) {
      return;
    }
    constexpr std::string_view kWhat = R"("ns", "us", "ms" or "s")";
    const std::string_view text = unit->as_string(kWhat);
    for (const auto& [name, microseconds] : kUnits) {
      if (name == text) {
        microseconds_ = microseconds;
        return;
      }
    }
    unit->fail_expected(kWhat);
  }

  void read_machines() {
    const JsonView machines = root_.at("machines", "a list of machines");
    for (const JsonView json : machines.elements("a list of machines")) {
      if (devices_.size() == kMaxDevices) {
        json.fail("more than " + std::to_string(kMaxDevices) + " machines");
      }
      devices_.push_back(read_machine(json));
      for (std::size_t i = 0; i + 1 < devices_.size(); ++i) {
        if (devices_[i].name == devices_.back().name) {
          json.fail("machines[" + std::to_string(i) + "] has the same name");
        }
      }
    }
    if (devices_.empty()) {
      machines.fail_expected("at least one machine");
    }
    times_.resize(devices_.size());
    totals_.resize(devices_.size());
  }

  static Device read_machine(JsonView json) {
    constexpr std::array<std::string_view, 2> kKeys{"name", "memory_bytes"};
    JsonView name = json;
    Bytes memory = kMostMemory;
    if (json.is_object()) {
      json.only_keys(kKeys, "a machine");
      name = json.at("name", "the machine's name");
      if (const auto bytes = json.find("memory_bytes")) {
        memory = read_bytes(*bytes);
      }
    }
    Device device{.name = read_device_name(name),
                  .kind = {},
                  .memory = memory,
                  .pool = std::nullopt,
                  .cores = {},
                  .overhead = {}};
    device.kind = device.name;
    if (is_host(device)) {
      name.fail("kinds that start with \"cpu\" are hosts, which pay for no transfer: name it P1");
    }
    return device;
  }

  void read_task(JsonView json) {
    constexpr std::array<std::string_view, 4> kKeys{"name", "time", "memory_bytes", "output_bytes"};
    json.only_keys(kKeys, "a task");
    const JsonView name = json.at("name", "the task's name");
    Node node;
    node.name = name.as_name("a name");
    if (node.name.find('#') != std::string::npos) {
      name.fail("a name cannot hold '#', which separates it from an output's number");
    }
    const auto [known, is_new] = position_of_.emplace(node.name, nodes_.size());
    if (!is_new) {
      name.fail("\"" + node.name + "\" is the name of tasks[" + std::to_string(known->second) +
                "] too");
    }
    node.op = "task";
    node.overload = "default";
    if (const auto memory = json.find("memory_bytes")) {
      node.resident = read_bytes(*memory);
    }
    if (const auto bytes = json.find("output_bytes")) {
      TensorSpec output;
      output.bytes = read_bytes(*bytes);
      node.outputs.push_back(output);
    }
    shares_output_.push_back(!node.outputs.empty());
    nodes_.push_back(std::move(node));
    read_times(json.at("time", "a time, or one for every machine"));
  }

  void read_times(JsonView json) {
    if (!json.is_array()) {
      for (std::size_t machine = 0; machine < devices_.size(); ++machine) {
        add_time(json, machine);
      }
      return;
    }
    if (json.size() != devices_.size()) {
      json.fail("expected " + std::to_string(devices_.size()) +
                " times, one for every machine, found " + std::to_string(json.size()));
    }
    std::size_t machine = 0;
    for (const JsonView time : json.elements()) {
      if (time.is_null()) {
        times_[machine].emplace_back();
      } else {
        add_time(time, machine);
      }
      ++machine;
    }
  }

  void add_time(JsonView json, std::size_t machine) {
    times_[machine].emplace_back(stated_time(read_time(json)));
    add_up(json, totals_[machine], times_[machine].back()->time);
  }

  // In microseconds.
  [[nodiscard]] double read_time(JsonView json) const {
    const double most = kMostStatedMicroseconds / microseconds_;
    return microseconds_ * read_amount(json, most, "a time from 0 to a day");
  }

  void read_edge(JsonView json) {
    constexpr std::array<std::string_view, 3> kKeys{"from", "to", "cost"};
    json.only_keys(kKeys, "an edge");
    const std::size_t from = end_of(json, "from");
    const std::size_t to = end_of(json, "to");
    const std::string edge_name = nodes_[from].name + " -> " + nodes_[to].name;
    if (from == to) {
      json.fail("the edge " + edge_name + " leads back to its own task");
    }
    if (!edges_.emplace(from, to).second) {
      json.fail("the edge " + edge_name + " stands twice");
    }
    nodes_[to].inputs.push_back({id_at<NodeId>(from), output_of(json, from)});
  }

  // The number of the producer's output that the edge moves.
  std::uint32_t output_of(JsonView edge, std::size_t from) {
    std::vector<TensorSpec>& outputs = nodes_[from].outputs;
    if (const auto cost = edge.find("cost")) {
      TensorSpec output;
      output.transfer_us = read_time(*cost);
      add_up(*cost, transfers_, from_microseconds(*output.transfer_us));
      outputs.push_back(output);
      return static_cast<std::uint32_t>(outputs.size() - 1);
    }
    if (!shares_output_[from] || !bytes_per_second_) {
      edge.fail("missing \"cost\", expected one, or output_bytes in task \"" + nodes_[from].name +
                "\" and bytes_per_second in the file");
    }
    return 0;
  }

  [[nodiscard]] std::size_t end_of(JsonView edge, std::string_view key) const {
    const JsonView json = edge.at(key, "the name of a task");
    const std::string name(json.as_name("the name of a task"));
    const auto found = position_of_.find(name);
    if (found == position_of_.end()) {
      std::vector<std::string> known;
      for (const Node& node : nodes_) {
        known.push_back(node.name);
      }
      json.fail("unknown task \"" + name + "\"" + did_you_mean(name, known));
    }
    return found->second;
  }

  ImportedWorkload finish(GraphInfo info) {
    const std::string name = info.name;
    OrderedGraph built = build_imported(
        std::move(info), std::move(nodes_), file_,
        [](std::size_t position) { return "tasks[" + std::to_string(position) + "]"; });
    OpTimes times;
    for (std::size_t machine = 0; machine < devices_.size(); ++machine) {
      times.set(times_in_order(devices_[machine].kind, "stated by the task graph", times_[machine],
                               built.order));
    }
    std::vector<Link> links;
    if (devices_.size() > 1) {
      links.push_back(link_of_all("network", devices_.size(),
                                  bytes_per_second_.value_or(kUnusedBytesPerSecond)));
    }
    return {{std::move(built.graph), std::move(times)},
            Cluster(name, std::move(devices_), std::move(links))};
  }

  JsonView root_;
  const std::string& file_;
  double microseconds_ = 1;  // of a unit of the file
  std::optional<double> bytes_per_second_;
  std::vector<Device> devices_;
  std::vector<Node> nodes_;
  std::vector<bool> shares_output_;                        // [nodes]: output 0 is `output_bytes`
  std::vector<std::vector<std::optional<OpTime>>> times_;  // [devices][nodes]
  std::vector<StatedTotal> totals_;                        // [devices]
  StatedTotal transfers_;
  std::unordered_map<std::string, std::size_t> position_of_;  // by name
  std::set<std::pair<std::size_t, std::size_t>> edges_;
};

}  // namespace

ImportedWorkload import_task_graph(std::string_view text, const std::string& file,
                                   const std::string& name) {
  check_header(text, file, "placer.task-graph");
  const JsonDocument document = parse_json(text, file);
  return TaskGraphReader(document.root(), file)
      .read(imported_info(text, file, name, "task-graph"), !name.empty());
}

}  // namespace placer
