#include "placer/formats/export_device_map.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/formats/json_text.h"

namespace placer {
namespace {

bool is_cpu(const Device& device) {
  return device.name == "cpu" || device.name.starts_with("cpu:");
}

bool is_kept_by_model(const Node& node) {
  return node.kind == NodeKind::kState && node.state_role != StateRole::kOptimizer;
}

// A module with what is in it.
struct Module {
  std::string path;
  std::vector<std::size_t> children;  // by first appearance
  std::vector<double> share;          // [devices]: weight of its nodes and of the modules inside
  bool owns_state = false;            // itself, not the modules inside
};

class Projector {
 public:
  Projector(const Graph& graph, const Cluster& cluster, const Placement& placement,
            std::span<const double> weight)
      : graph_(graph), cluster_(cluster), placement_(placement), weight_(weight) {}

  DeviceMap run() {
    refuse_several_cpus();
    modules_.push_back(new_module(""));
    bool has_modules = false;
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const Node& node = graph_.nodes()[v];
      has_modules = has_modules || !node.module.empty();
      add_node(v, node);
    }
    if (!has_modules) {
      throw Error(ErrorKind::kInfeasible,
                  "a device_map places modules, and this graph has no module paths");
    }
    assign(0);
    cover_the_rest();
    project();
    return std::move(map_);
  }

 private:
  void refuse_several_cpus() const {
    std::set<std::string> cpus;
    for (const DeviceId device : placement_.device) {
      if (is_cpu(cluster_.device(device))) {
        cpus.insert(cluster_.device(device).name);
      }
    }
    if (cpus.size() > 1) {
      throw Error(
          ErrorKind::kInfeasible,
          fmt::format("a device_map knows one \"cpu\", and the placement uses {}: export it "
                      "with --to json or --to dot",
                      fmt::join(cpus, ", ")));
    }
  }

  [[nodiscard]] Module new_module(std::string path) const {
    return {std::move(path), {}, std::vector<double>(cluster_.size(), 0), false};
  }

  // Adds the node's weight to its module and all around it.
  void add_node(std::size_t v, const Node& node) {
    const std::size_t device = index(placement_.device[v]);
    std::size_t at = 0;
    modules_[at].share[device] += weight_[v];
    for (std::size_t end = 0; end < node.module.size();) {
      end = std::min(node.module.find('.', end + 1), node.module.size());
      const std::string path = node.module.substr(0, end);
      const auto [entry, is_new] = by_path_.try_emplace(path, modules_.size());
      if (is_new) {
        modules_.push_back(new_module(path));
        modules_[at].children.push_back(entry->second);
      }
      at = entry->second;
      modules_[at].share[device] += weight_[v];
    }
    modules_[at].owns_state = modules_[at].owns_state || (at != 0 && is_kept_by_model(node));
  }

  [[nodiscard]] DeviceId majority(const Module& module) const {
    const auto largest = std::max_element(module.share.begin(), module.share.end());
    return id_at<DeviceId>(static_cast<std::size_t>(largest - module.share.begin()));
  }

  // Appends the entries of a module; one for all of it when its children agree.
  void assign(std::size_t id) {
    const Module& module = modules_[id];
    const std::size_t first = map_.entries.size();
    if (!module.owns_state) {
      for (const std::size_t child : module.children) {
        assign(child);
      }
    }
    const auto begin = map_.entries.begin() + static_cast<std::ptrdiff_t>(first);
    const bool agree = std::all_of(begin, map_.entries.end(), [&](const DeviceMap::Entry& entry) {
      return entry.device == begin->device;
    });
    if (begin == map_.entries.end()) {
      map_.entries.push_back({module.path, majority(module)});
    } else if (agree && root_state_agrees(id, begin->device)) {
      const DeviceId device = begin->device;
      map_.entries.erase(begin, map_.entries.end());
      map_.entries.push_back({module.path, device});
    }
  }

  // The model as a whole is one entry only when its own parameters are there too.
  [[nodiscard]] bool root_state_agrees(std::size_t id, DeviceId device) const {
    for (std::size_t v = 0; id == 0 && v < graph_.size(); ++v) {
      const Node& node = graph_.nodes()[v];
      if (is_kept_by_model(node) && node.module.empty() && placement_.device[v] != device) {
        return false;
      }
    }
    return true;
  }

  // The entry that holds a name: the name itself or a module around it.
  [[nodiscard]] std::optional<DeviceId> find(const std::map<std::string_view, DeviceId>& devices,
                                             std::string_view name) const {
    for (;;) {
      const auto found = devices.find(name);
      if (found != devices.end()) {
        return found->second;
      }
      if (name.empty()) {
        return std::nullopt;
      }
      const auto dot = name.rfind('.');
      name = name.substr(0, dot == std::string_view::npos ? 0 : dot);
    }
  }

  [[nodiscard]] std::map<std::string_view, DeviceId> index_entries() const {
    std::map<std::string_view, DeviceId> devices;
    for (const DeviceMap::Entry& entry : map_.entries) {
      devices.emplace(entry.module, entry.device);
    }
    return devices;
  }

  // Parameters and buffers of no module get keys of their own: accelerate refuses a map that leaves
  // a name of the state_dict out.
  void cover_the_rest() {
    std::vector<DeviceMap::Entry> missing;
    const auto devices = index_entries();
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const Node& node = graph_.nodes()[v];
      const std::string& name = node.origin.empty() ? node.name : node.origin;
      if (is_kept_by_model(node) && !find(devices, name)) {
        missing.push_back({name, placement_.device[v]});
      }
    }
    map_.entries.insert(map_.entries.end(), missing.begin(), missing.end());
  }

  void project() {
    const auto devices = index_entries();
    map_.projected = placement_;
    std::optional<DeviceId> main;
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const Node& node = graph_.nodes()[v];
      std::optional<DeviceId> device = find(devices, node.module);
      if (node.module.empty() && is_kept_by_model(node)) {
        device = find(devices, node.origin.empty() ? node.name : node.origin);
      }
      if (!device) {
        continue;
      }
      map_.moved += map_.projected.device[v] != *device ? 1 : 0;
      map_.projected.device[v] = *device;
      if (!main && node.kind == NodeKind::kOp && node.pass == Pass::kForward) {
        main = device;
      }
    }
    map_.main_device = main.value_or(map_.entries.front().device);
  }

  const Graph& graph_;
  const Cluster& cluster_;
  const Placement& placement_;
  std::span<const double> weight_;
  std::vector<Module> modules_;
  std::map<std::string, std::size_t> by_path_;
  DeviceMap map_;
};

// accelerate takes 0 and "cuda:0" for two devices, and sorts out strings in no fixed order:
// numbers.
void append_device(std::string& out, const Device& device) {
  constexpr std::string_view kCuda = "cuda:";
  if (is_cpu(device)) {
    append_quoted(out, "cpu");
  } else if (device.name.starts_with(kCuda) && device.name.size() > kCuda.size() &&
             device.name.find_first_not_of("0123456789", kCuda.size()) == std::string::npos) {
    out += device.name.substr(kCuda.size());
  } else {
    append_quoted(out, device.name);
  }
}

}  // namespace

DeviceMap project_to_modules(const Graph& graph, const Cluster& cluster, const Placement& placement,
                             std::span<const double> weight) {
  PLACER_CHECK(placement.device.size() == graph.size() && weight.size() == graph.size(),
               "of another graph");
  return Projector(graph, cluster, placement, weight).run();
}

std::string write_device_map(const DeviceMap& map, const Cluster& cluster) {
  std::string out = "{\n  ";
  JsonMembers members(out, ",\n  ");
  for (const DeviceMap::Entry& entry : map.entries) {
    append_device(members.next(entry.module), cluster.device(entry.device));
  }
  return out + "\n}\n";
}

std::string write_device_map_notes(const DeviceMap& map, const Graph& graph,
                                   const Cluster& cluster) {
  std::string out = "{\n  ";
  JsonMembers members(out, ",\n  ");
  append_device(members.next("main_device"), cluster.device(map.main_device));
  std::string& devices = members.next("devices");
  devices += "[";
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    devices += d == 0 ? "" : ", ";
    append_quoted(devices, cluster.devices()[d].name);
  }
  devices += "]";
  append_quoted(members.next("graph"), graph.info().name);
  append_quoted(members.next("graph_hash"), graph.hash());
  append_unsigned(members.next("nodes"), graph.size());
  append_unsigned(members.next("nodes_moved"), map.moved);
  return out + "\n}\n";
}

std::string write_assignment(const Graph& graph, const Cluster& cluster,
                             const Placement& placement) {
  std::string out = "{\n  ";
  JsonMembers members(out, ",\n  ");
  for (std::size_t v = 0; v < graph.size(); ++v) {
    append_quoted(members.next(graph.nodes()[v].name), cluster.device(placement.device[v]).name);
  }
  return out + "\n}\n";
}

}  // namespace placer
