#include "placer/placement/constraints.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/disjoint_sets.h"
#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer {
namespace {

constexpr std::size_t kMostContradictionsShown = 20;

// Does the glob match the module's path or that of a module around it?
bool covers_module(const std::string& glob, std::string_view module) {
  while (!module.empty()) {
    if (matches_glob(glob, module)) {
      return true;
    }
    const auto dot = module.rfind('.');
    module = dot == std::string_view::npos ? std::string_view{} : module.substr(0, dot);
  }
  return false;
}

std::vector<std::string> names_to_suggest(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    names.push_back(node.name);
    if (!node.module.empty()) {
      names.push_back(node.module);
    }
  }
  return names;
}

std::vector<NodeId> select_or_throw(const Graph& graph, const std::string& glob,
                                    std::string_view flag) {
  std::vector<NodeId> nodes = select_nodes(graph, glob);
  if (nodes.empty()) {
    throw usage_error(fmt::format("{} \"{}\": matches no node and no module{}", flag, glob,
                                  did_you_mean(glob, names_to_suggest(graph))));
  }
  return nodes;
}

std::vector<std::string> device_names(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Device& device : cluster.devices()) {
    names.push_back(device.name);
  }
  return names;
}

// One flag's text, split at its last '=' (globs and names may hold one, devices
// and sizes do not).
struct Rule {
  std::string left;
  std::string right;
};
Rule split_rule(const std::string& text, std::string_view flag, std::string_view form) {
  const auto at = text.rfind('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    throw usage_error(fmt::format("{} \"{}\": expected {}", flag, text, form));
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

std::uint64_t parse_devices(const Cluster& cluster, const std::string& list,
                            std::string_view flag) {
  std::uint64_t mask = 0;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    std::uint64_t matching = 0;
    for (std::size_t d = 0; d < cluster.size(); ++d) {
      if (matches_glob(name, cluster.devices()[d].name)) {
        matching |= std::uint64_t{1} << d;
      }
    }
    if (matching == 0) {
      const auto names = device_names(cluster);
      throw usage_error(fmt::format("{}: unknown device \"{}\"{}, the cluster has {}", flag, name,
                                    did_you_mean(name, names), fmt::join(names, ", ")));
    }
    mask |= matching;
    begin = end + 1;
  }
  return mask;
}

std::string describe(const Cluster& cluster, std::uint64_t mask) {
  std::vector<std::string> names;
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    if ((mask >> d & 1) != 0) {
      names.push_back(cluster.devices()[d].name);
    }
  }
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
}

// Narrows the devices of units, and remembers why, so that contradictions can
// be explained.
class AllowedDevices {
 public:
  AllowedDevices(const CostModel& costs, const Constraints& units)
      : costs_(costs), units_(units), mask_(units.num_units, all_devices()) {}

  // Every unit that has one of `nodes` is limited to `mask`.
  void limit(std::span<const NodeId> nodes, std::uint64_t mask, const std::string& reason) {
    rules_.push_back(reason);
    for (const NodeId node : nodes) {
      narrow(node, mask, rules_.size());
    }
  }
  void limit_to_supported() {
    for (std::size_t v = 0; v < costs_.graph().size(); ++v) {
      narrow(id_at<NodeId>(v), costs_.supported(id_at<NodeId>(v)), 0);
    }
  }
  void throw_if_contradictory() const;
  [[nodiscard]] std::uint64_t mask(std::uint32_t unit) const { return mask_[unit]; }

 private:
  // A narrowing that changed a unit's devices. Rule 0: what the op itself can
  // run on.
  struct Step {
    std::uint32_t unit;
    NodeId node;
    std::size_t rule;
    std::uint64_t mask;
  };

  [[nodiscard]] std::uint64_t all_devices() const {
    return ~std::uint64_t{0} >> (64 - costs_.cluster().size());
  }
  void narrow(NodeId node, std::uint64_t mask, std::size_t rule) {
    const std::uint32_t unit = units_.unit_of[index(node)];
    if ((mask_[unit] & mask) != mask_[unit]) {
      mask_[unit] &= mask;
      steps_.push_back({unit, node, rule, mask});
    }
  }
  [[nodiscard]] std::string explain(std::uint32_t unit) const;

  const CostModel& costs_;
  const Constraints& units_;
  std::vector<std::uint64_t> mask_;  // [num_units]
  std::vector<std::string> rules_;
  std::vector<Step> steps_;
};

std::string AllowedDevices::explain(std::uint32_t unit) const {
  std::string reasons;
  std::optional<NodeId> first;
  bool several_nodes = false;
  for (const Step& step : steps_) {
    if (step.unit != unit) {
      continue;
    }
    const Node& node = costs_.graph().node(step.node);
    several_nodes = several_nodes || (first && *first != step.node);
    first = first.value_or(step.node);
    reasons += reasons.empty() ? "" : "; ";
    if (step.rule == 0) {
      reasons += fmt::format("\"{}\" ({}) runs on {}", node.name, node.op,
                             describe(costs_.cluster(), step.mask));
    } else {
      reasons += fmt::format("{} leaves \"{}\" {}", rules_[step.rule - 1], node.name,
                             describe(costs_.cluster(), step.mask));
    }
  }
  return fmt::format("\"{}\" has no device left: {}{}", costs_.graph().node(*first).name, reasons,
                     several_nodes ? " (these nodes must share a device)" : "");
}

void AllowedDevices::throw_if_contradictory() const {
  std::string text;
  std::size_t count = 0;
  for (std::uint32_t unit = 0; unit < mask_.size(); ++unit) {
    if (mask_[unit] != 0) {
      continue;
    }
    if (count < kMostContradictionsShown) {
      text += (count == 0 ? "" : "\n") + explain(unit);
    }
    ++count;
  }
  if (count > kMostContradictionsShown) {
    text += fmt::format("\n... and {} more", count - kMostContradictionsShown);
  }
  if (count > 0) {
    throw usage_error(text);
  }
}

// The outermost module around `module`, or itself, that the glob matches; empty: none.
std::string_view outermost_match(const std::string& glob, std::string_view module) {
  for (std::size_t end = 0; end < module.size();) {
    end = std::min(module.find('.', end + 1), module.size());
    if (matches_glob(glob, module.substr(0, end))) {
      return module.substr(0, end);
    }
  }
  return {};
}

void keep_modules_together(const Graph& graph, const std::vector<std::string>& globs,
                           DisjointSets& sets) {
  for (const std::string& glob : globs) {
    std::unordered_map<std::string_view, std::uint32_t> first_of_module;
    for (std::uint32_t v = 0; v < graph.size(); ++v) {
      const std::string_view module = outermost_match(glob, graph.nodes()[v].module);
      if (!module.empty()) {
        sets.unite(first_of_module.try_emplace(module, v).first->second, v);
      }
    }
    if (first_of_module.empty()) {
      throw usage_error(fmt::format("--keep-together \"{}\": matches no module{}", glob,
                                    did_you_mean(glob, names_to_suggest(graph))));
    }
  }
}

Constraints make_units(const Graph& graph, const ConstraintOptions& options) {
  DisjointSets sets(graph.size());
  std::vector<std::optional<std::uint32_t>> first_of_class(graph.num_colocation_classes());
  for (std::uint32_t v = 0; v < graph.size(); ++v) {
    auto& first = first_of_class[graph.colocation_class(id_at<NodeId>(v))];
    if (first) {
      sets.unite(*first, v);
    }
    first = first.value_or(v);
  }
  for (const std::string& glob : options.colocate) {
    const auto nodes = select_or_throw(graph, glob, "--colocate");
    for (const NodeId node : nodes) {
      sets.unite(static_cast<std::uint32_t>(nodes.front()), static_cast<std::uint32_t>(node));
    }
  }
  keep_modules_together(graph, options.keep_together, sets);
  Constraints result;
  auto [unit_of, count] = sets.numbered();
  result.unit_of = std::move(unit_of);
  result.num_units = count;
  return result;
}

struct SizeRule {
  std::uint64_t devices = 0;  // mask
  Bytes size;
};
SizeRule parse_size_rule(const Cluster& cluster, const std::string& text, std::string_view flag) {
  const Rule rule = split_rule(text, flag, "DEVICE=SIZE, e.g. cuda:0=10GiB");
  const std::uint64_t devices = parse_devices(cluster, rule.left, flag);
  const auto size = parse_bytes(rule.right);
  if (!size) {
    throw usage_error(fmt::format("{} \"{}\": \"{}\" is not a size, expected e.g. 512MiB or 10GB",
                                  flag, text, rule.right));
  }
  return {devices, *size};
}

std::vector<Bytes> memory_limits(const Cluster& cluster, const ConstraintOptions& options) {
  std::vector<Bytes> limits;
  for (const Device& device : cluster.devices()) {
    limits.push_back(device.memory);
  }
  const auto narrow = [&](const std::vector<std::string>& rules, std::string_view flag,
                          const auto& limit_of) {
    for (const std::string& text : rules) {
      const SizeRule rule = parse_size_rule(cluster, text, flag);
      for (std::size_t d = 0; d < limits.size(); ++d) {
        if ((rule.devices >> d & 1) != 0) {
          limits[d] = std::min(limits[d], limit_of(cluster.devices()[d], rule.size, text));
        }
      }
    }
  };
  narrow(options.max_memory, "--max-memory",
         [](const Device&, Bytes size, const std::string&) { return size; });
  narrow(options.reserve, "--reserve",
         [](const Device& device, Bytes size, const std::string& text) {
           if (size > device.memory) {
             throw usage_error(fmt::format("--reserve \"{}\": {} has only {}", text, device.name,
                                           to_string(device.memory)));
           }
           return device.memory - size;
         });
  return limits;
}

}  // namespace

std::vector<NodeId> select_nodes(const Graph& graph, const std::string& glob) {
  std::vector<NodeId> selected;
  std::unordered_map<std::string_view, bool> module_matches;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    bool matches = matches_glob(glob, node.name);
    if (!matches && !node.module.empty()) {
      const auto [entry, is_new] = module_matches.try_emplace(node.module, false);
      if (is_new) {
        entry->second = covers_module(glob, node.module);
      }
      matches = entry->second;
    }
    if (matches) {
      selected.push_back(id_at<NodeId>(v));
    }
  }
  return selected;
}

Constraints resolve_constraints(const CostModel& costs, const ConstraintOptions& options) {
  const Graph& graph = costs.graph();
  const Cluster& cluster = costs.cluster();
  Constraints result = make_units(graph, options);
  result.memory_limit = memory_limits(cluster, options);
  result.contiguous = options.contiguous;

  AllowedDevices allowed(costs, result);
  allowed.limit_to_supported();
  constexpr std::string_view kForm = "GLOB=DEVICE[,DEVICE...], e.g. \"layer1.*=cpu:0\"";
  for (const std::string& text : options.pin) {
    const Rule rule = split_rule(text, "--pin", kForm);
    allowed.limit(select_or_throw(graph, rule.left, "--pin"),
                  parse_devices(cluster, rule.right, "--pin"), fmt::format("--pin \"{}\"", text));
  }
  for (const std::string& text : options.forbid) {
    const Rule rule = split_rule(text, "--forbid", kForm);
    const auto nodes = select_or_throw(graph, rule.left, "--forbid");
    const std::uint64_t all = ~std::uint64_t{0} >> (64 - cluster.size());
    allowed.limit(nodes, all & ~parse_devices(cluster, rule.right, "--forbid"),
                  fmt::format("--forbid \"{}\"", text));
  }
  allowed.throw_if_contradictory();

  result.allowed.reserve(graph.size());
  for (const std::uint32_t unit : result.unit_of) {
    result.allowed.push_back(allowed.mask(unit));
  }
  return result;
}

std::string first_violation(const Graph& graph, const Cluster& cluster,
                            const Constraints& constraints, const Placement& placement) {
  if (placement.device.size() != graph.size()) {
    return fmt::format("{} devices for {} nodes", placement.device.size(), graph.size());
  }
  std::vector<std::optional<NodeId>> first_of_unit(constraints.num_units);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const std::size_t device = index(placement.device[v]);
    const std::string& name = graph.nodes()[v].name;
    if (device >= cluster.size()) {
      return fmt::format("node \"{}\" is on device {} of {}", name, device, cluster.size());
    }
    if ((constraints.allowed[v] >> device & 1) == 0) {
      return fmt::format("node \"{}\" is on {}, allowed: {}", name, cluster.devices()[device].name,
                         describe(cluster, constraints.allowed[v]));
    }
    auto& first = first_of_unit[constraints.unit_of[v]];
    first = first.value_or(id_at<NodeId>(v));
    if (placement.device[index(*first)] != placement.device[v]) {
      return fmt::format("node \"{}\" is on {}, but must be with \"{}\" on {}", name,
                         cluster.devices()[device].name, graph.node(*first).name,
                         cluster.device(placement.device[index(*first)]).name);
    }
  }
  return {};
}

}  // namespace placer
