#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "placer/formats/device_name.h"
#include "placer/formats/formats.h"
#include "placer/formats/json_text.h"
#include "placer/formats/json_tree.h"

namespace placer {
namespace {

constexpr std::int64_t kMostCores = 1 << 16;
constexpr double kMostBytesPerSecond = 1e18;
constexpr double kMostScale = 1000;

class ClusterReader {
 public:
  explicit ClusterReader(JsonView root) : root_(root) {}

  Cluster read() {
    constexpr std::array<std::string_view, 6> kKeys{"format",  "version", "name",
                                                    "devices", "pools",   "links"};
    root_.only_keys(kKeys, "a cluster");
    std::string name;
    if (const auto json = root_.find("name")) {
      name = json->as_string();
    }
    read_pools();
    read_devices();
    read_links();
    return {std::move(name), std::move(devices_), std::move(links_), std::move(pools_)};
  }

 private:
  void read_pools() {
    constexpr std::array<std::string_view, 2> kKeys{"name", "memory_bytes"};
    const auto pools = root_.find("pools");
    if (!pools) {
      return;
    }
    for (const JsonView json : pools->elements("a list of pools of memory")) {
      json.only_keys(kKeys, "a pool");
      const JsonView name = json.at("name", "the pool's name");
      MemoryPool pool{std::string(name.as_name("a pool's name")),
                      json.at("memory_bytes", "a number of bytes").as_bytes(0, kMostMemory.count)};
      for (const MemoryPool& other : pools_) {
        if (other.name == pool.name) {
          name.fail("two pools are named \"" + pool.name + "\"");
        }
      }
      pools_.push_back(std::move(pool));
    }
  }

  void read_devices() {
    const JsonView devices = root_.at("devices", "a list of devices");
    for (const JsonView json : devices.elements("a list of devices")) {
      if (devices_.size() == kMaxDevices) {
        json.fail("more than " + std::to_string(kMaxDevices) + " devices");
      }
      devices_.push_back(read_device(json));
      const JsonView name = json.at("name", "");
      check_name(name, devices_.back().name);
      ids_.emplace(devices_.back().name, id_at<DeviceId>(devices_.size() - 1));
    }
    if (devices_.empty()) {
      devices.fail_expected("at least one device");
    }
  }

  Device read_device(JsonView json) {
    constexpr std::array<std::string_view, 7> kKeys{"name",  "kind",        "memory_bytes", "pool",
                                                    "cores", "overhead_us", "launch"};
    json.only_keys(kKeys, "a device");
    Device device;
    device.name = read_device_name(json.at("name", "the device's name"));
    device.kind = json.at("kind", "the kind that its op times stand under").as_name("a kind");
    device.memory = json.at("memory_bytes", "a number of bytes").as_bytes(0, kMostMemory.count);
    if (const auto pool = json.find("pool")) {
      device.pool = pool_named(*pool);
    }
    if (const auto cores = json.find("cores")) {
      for (const JsonView core : cores->elements("a list of numbers of processors")) {
        device.cores.push_back(
            static_cast<int>(core.as_integer(0, kMostCores, "the number of a processor")));
        const auto [taken, is_new] = device_of_core_.emplace(device.cores.back(), device.name);
        if (!is_new && device.kind.starts_with("cpu")) {
          core.fail("processor " + std::to_string(taken->first) + " is that of \"" + taken->second +
                    "\" already");
        }
      }
    }
    if (const auto overhead = json.find("overhead_us")) {
      device.overhead = overhead->as_microseconds();
    }
    if (const auto launch = json.find("launch")) {
      const std::string_view text = launch->as_name("\"serial\" or \"asynchronous\"");
      if (text != "serial" && text != "asynchronous") {
        launch->fail_expected("\"serial\" or \"asynchronous\"");
      }
      device.asynchronous_launch = text == "asynchronous";
    }
    return device;
  }

  [[nodiscard]] std::uint32_t pool_named(JsonView json) const {
    const std::string_view name = json.as_name("the name of a pool");
    std::vector<std::string> known;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
      if (pools_[i].name == name) {
        return static_cast<std::uint32_t>(i);
      }
      known.push_back(pools_[i].name);
    }
    json.fail("unknown pool \"" + std::string(name) + "\"" + did_you_mean(name, known));
  }

  // `cpu` computes with all cores, `cpu:N` with one of them: together they would use the same cores
  // twice.
  void check_name(JsonView json, const std::string& name) const {
    if (ids_.contains(name)) {
      json.fail("two devices are named \"" + name + "\"");
    }
    const bool one_core = name.starts_with("cpu:");
    const bool clash =
        name == "cpu" ? std::any_of(ids_.begin(), ids_.end(),
                                    [](const auto& id) { return id.first.starts_with("cpu:"); })
                      : one_core && ids_.contains("cpu");
    if (clash) {
      json.fail("cpu (all cores) and cpu:N (one of them) cannot stand in one cluster");
    }
  }

  void read_links() {
    link_of_.assign(devices_.size() * devices_.size(), nullptr);
    const auto links = root_.find("links");
    if (links) {
      // Sized first: link_of_ points into it.
      links_.reserve(links->size());
      for (const JsonView json : links->elements("a list of links")) {
        read_link(json);
      }
    }
    for (std::size_t from = 0; from < devices_.size(); ++from) {
      for (std::size_t to = 0; to < devices_.size(); ++to) {
        if (from != to && link_of_[from * devices_.size() + to] == nullptr) {
          links.value_or(root_).fail("no link from \"" + devices_[from].name + "\" to \"" +
                                     devices_[to].name + "\", expected one for every pair");
        }
      }
    }
  }

  void read_link(JsonView json) {
    constexpr std::array<std::string_view, 7> kKeys{
        "name", "between", "from_to", "latency_us", "bytes_per_second", "shared", "transfer_scale"};
    json.only_keys(kKeys, "a link");
    const JsonView name = json.at("name", "the link's name");
    links_.emplace_back();
    Link& link = links_.back();
    link.name = name.as_name("a link's name");
    for (std::size_t i = 0; i + 1 < links_.size(); ++i) {
      if (links_[i].name == link.name) {
        name.fail("two links are named \"" + link.name + "\"");
      }
    }
    link.latency = json.at("latency_us", "microseconds").as_microseconds();
    const auto rate = json.find("bytes_per_second");
    if (rate && !rate->is_null()) {
      const double value = rate->as_number("a positive number or null");
      if (!(value > 0) || value > kMostBytesPerSecond) {
        rate->fail_expected("a positive number up to 1e18, or null for a hand-off");
      }
      link.bytes_per_second = value;
    }
    if (const auto shared = json.find("shared")) {
      link.shared = shared->as_bool();
    }
    if (const auto scale = json.find("transfer_scale")) {
      link.transfer_scale = scale->as_number("a positive number");
      if (!(link.transfer_scale > 0) || link.transfer_scale > kMostScale) {
        scale->fail_expected("a positive number up to 1000");
      }
    }
    read_pairs(json, link);
  }

  void read_pairs(JsonView json, Link& link) {
    const auto both = json.find("between");
    const auto one = json.find("from_to");
    if (both.has_value() == one.has_value()) {
      json.fail("expected either \"between\" (both directions) or \"from_to\"");
    }
    const JsonView pairs = both ? *both : *one;
    for (const JsonView pair : pairs.elements("a list of pairs of devices")) {
      if (!pair.is_array() || pair.size() != 2) {
        pair.fail_expected("two names of devices");
      }
      auto element = pair.elements().begin();
      const DeviceId from = device_named(*element);
      const DeviceId to = device_named(*++element);
      add_pair(pair, link, from, to);
      if (both) {
        add_pair(pair, link, to, from);
      }
    }
    if (link.pairs.empty()) {
      pairs.fail_expected("at least one pair of devices");
    }
  }

  [[nodiscard]] DeviceId device_named(JsonView json) const {
    const std::string_view name = json.as_name("the name of a device");
    const auto found = ids_.find(name);
    if (found == ids_.end()) {
      std::vector<std::string> known;
      for (const Device& device : devices_) {
        known.push_back(device.name);
      }
      json.fail("unknown device \"" + std::string(name) + "\"" + did_you_mean(name, known));
    }
    return found->second;
  }

  void add_pair(JsonView json, Link& link, DeviceId from, DeviceId to) {
    if (from == to) {
      json.fail("a link goes from one device to another");
    }
    const Link*& slot = link_of_[index(from) * devices_.size() + index(to)];
    if (slot != nullptr) {
      json.fail("\"" + devices_[index(from)].name + "\" to \"" + devices_[index(to)].name +
                "\" is on link \"" + slot->name + "\" already");
    }
    slot = &link;
    link.pairs.emplace_back(from, to);
  }

  JsonView root_;
  std::vector<Device> devices_;
  std::vector<MemoryPool> pools_;
  std::vector<Link> links_;
  std::map<std::string, DeviceId, std::less<>> ids_;
  std::map<int, std::string> device_of_core_;
  std::vector<const Link*> link_of_;  // [devices x devices]
};

void write_device(std::string& out, const Cluster& cluster, const Device& device) {
  out += '{';
  JsonMembers members(out, ", ");
  append_quoted(members.next("name"), device.name);
  append_quoted(members.next("kind"), device.kind);
  append_integer(members.next("memory_bytes"), device.memory.count);
  if (device.pool) {
    append_quoted(members.next("pool"), cluster.pools()[*device.pool].name);
  }
  if (!device.cores.empty()) {
    members.next("cores") += '[';
    for (std::size_t i = 0; i < device.cores.size(); ++i) {
      out += i == 0 ? "" : ",";
      append_integer(out, device.cores[i]);
    }
    out += ']';
  }
  if (device.overhead != SimTime{}) {
    append_microseconds(members.next("overhead_us"), device.overhead);
  }
  if (device.asynchronous_launch) {
    append_quoted(members.next("launch"), "asynchronous");
  }
  out += '}';
}

// Whether the pairs are a, b; b, a; c, d; d, c; ...
bool goes_both_ways(const Link& link) {
  if (link.pairs.size() % 2 != 0) {
    return false;
  }
  for (std::size_t i = 0; i < link.pairs.size(); i += 2) {
    if (link.pairs[i].first != link.pairs[i + 1].second ||
        link.pairs[i].second != link.pairs[i + 1].first) {
      return false;
    }
  }
  return true;
}

void write_link(std::string& out, const Cluster& cluster, const Link& link) {
  out += '{';
  JsonMembers members(out, ", ");
  append_quoted(members.next("name"), link.name);
  const bool both = goes_both_ways(link);
  members.next(both ? "between" : "from_to") += '[';
  for (std::size_t i = 0; i < link.pairs.size(); i += both ? 2 : 1) {
    out += i == 0 ? "[" : ",[";
    append_quoted(out, cluster.device(link.pairs[i].first).name);
    out += ',';
    append_quoted(out, cluster.device(link.pairs[i].second).name);
    out += ']';
  }
  out += ']';
  append_microseconds(members.next("latency_us"), link.latency);
  if (link.bytes_per_second) {
    append_number(members.next("bytes_per_second"), *link.bytes_per_second);
  }
  if (link.shared) {
    members.next("shared") += "true";
  }
  if (link.transfer_scale != 1) {
    append_number(members.next("transfer_scale"), link.transfer_scale);
  }
  out += '}';
}

// Writes a list with an element a line.
template <typename List, typename WriteOne>
void write_lines(std::string& out, const List& list, WriteOne write_one) {
  out += '[';
  bool first = true;
  for (const auto& element : list) {
    out += first ? "\n    " : ",\n    ";
    first = false;
    write_one(element);
  }
  out += "\n  ]";
}

}  // namespace

std::string read_device_name(JsonView json) {
  std::string name(json.as_name("a device's name"));
  if (name.find_first_of("=, \t\n*?") != std::string::npos) {
    json.fail("a device's name cannot hold '=', ',', '*', '?' or space");
  }
  return name;
}

Cluster read_cluster(std::string_view text, const std::string& file) {
  check_header(text, file, "placer.cluster");
  const JsonDocument document = parse_json(text, file);
  return ClusterReader(document.root()).read();
}

std::string write_cluster(const Cluster& cluster) {
  std::string out = "{\n  ";
  JsonMembers root(out, ",\n  ");
  append_quoted(root.next("format"), "placer.cluster");
  append_integer(root.next("version"), 1);
  append_quoted(root.next("name"), cluster.name());
  root.next("devices");
  write_lines(out, cluster.devices(),
              [&](const Device& device) { write_device(out, cluster, device); });
  if (!cluster.pools().empty()) {
    root.next("pools");
    write_lines(out, cluster.pools(), [&](const MemoryPool& pool) {
      out += '{';
      JsonMembers members(out, ", ");
      append_quoted(members.next("name"), pool.name);
      append_integer(members.next("memory_bytes"), pool.memory.count);
      out += '}';
    });
  }
  if (!cluster.links().empty()) {
    root.next("links");
    write_lines(out, cluster.links(), [&](const Link& link) { write_link(out, cluster, link); });
  }
  out += "\n}\n";
  return out;
}

}  // namespace placer
