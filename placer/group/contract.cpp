#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "placer/base/disjoint_sets.h"
#include "placer/base/error.h"
#include "placer/group/grouping.h"

namespace placer {
namespace {

// Builds the coarse nodes while walking the fine graph once.
class Contraction {
 public:
  Contraction(const Graph& graph, const Grouping& grouping)
      : graph_(graph), grouping_(grouping), nodes_(grouping.num_groups) {}

  std::vector<Node> run() {
    for (std::size_t g = 0; g < nodes_.size(); ++g) {
      nodes_[g].name = fmt::format("group{}", g);
      nodes_[g].op = "group";
    }
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const std::size_t group = index(grouping_.group_of[v]);
      nodes_[group].workspace = std::max(nodes_[group].workspace, graph_.nodes()[v].workspace);
      nodes_[group].resident += graph_.nodes()[v].resident;
      add_edges(id_at<NodeId>(v), group);
    }
    for (std::size_t g = 0; g < nodes_.size(); ++g) {
      add_controls(nodes_[g], g);
    }
    return std::move(nodes_);
  }

 private:
  void add_edges(NodeId from, std::size_t group) {
    for (const Use& use : graph_.uses(from)) {
      const std::size_t target = index(grouping_.group_of[index(use.consumer)]);
      if (target <= group) {
        continue;
      }
      if (use.output == Use::kControl) {
        controls_.emplace(target, group);
        continue;
      }
      const TensorRef coarse = export_tensor({from, use.output}, group);
      if (edges_.emplace(target, std::pair(group, coarse.output)).second) {
        nodes_[target].inputs.push_back(coarse);
      }
    }
  }

  // The coarse node's output for a fine tensor that leaves it.
  TensorRef export_tensor(TensorRef tensor, std::size_t group) {
    auto& outputs = nodes_[group].outputs;
    const auto [entry, is_new] = exported_.try_emplace(std::pair(index(tensor.node), tensor.output),
                                                       static_cast<std::uint32_t>(outputs.size()));
    if (is_new) {
      outputs.push_back(graph_.tensor(tensor));
      outputs.back().alias_of.reset();
    }
    return {id_at<NodeId>(group), entry->second};
  }

  // Control edges between groups that no tensor orders already.
  void add_controls(Node& node, std::size_t group) {
    std::set<std::size_t> producers;
    for (const TensorRef input : node.inputs) {
      producers.insert(index(input.node));
    }
    for (auto it = controls_.lower_bound({group, 0}); it != controls_.end() && it->first == group;
         ++it) {
      if (!producers.contains(it->second)) {
        node.after.push_back(id_at<NodeId>(it->second));
      }
    }
  }

  const Graph& graph_;
  const Grouping& grouping_;
  std::vector<Node> nodes_;
  std::map<std::pair<std::size_t, std::uint32_t>, std::uint32_t> exported_;
  std::set<std::pair<std::size_t, std::pair<std::size_t, std::uint32_t>>> edges_;
  std::set<std::pair<std::size_t, std::size_t>> controls_;  // (after, before)
};

// What a group is made of, for people and features: the pass and the innermost module that hold all
// of its ops.
void describe_groups(const Graph& graph, const Grouping& grouping, std::vector<Node>& nodes) {
  std::vector<bool> described(nodes.size(), false);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& member = graph.nodes()[v];
    if (member.kind != NodeKind::kOp) {
      continue;
    }
    const std::size_t group = index(grouping.group_of[v]);
    Node& node = nodes[group];
    if (!described[group]) {
      node.module = member.module;
      node.pass = member.pass;
      described[group] = true;
      continue;
    }
    node.pass = std::min(node.pass, member.pass);
    while (!node.module.empty() && member.module != node.module &&
           !member.module.starts_with(node.module + ".")) {
      const auto dot = node.module.rfind('.');
      node.module.resize(dot == std::string::npos ? 0 : dot);
    }
  }
}

KindTimes sum_times(const Graph& graph, const Grouping& grouping, const KindTimes& fine) {
  KindTimes coarse{fine.kind, fine.info, {}};
  const bool busy_known =
      std::any_of(fine.ops.begin(), fine.ops.end(), [](const auto& op) { return op && op->busy; });
  OpTime zero;
  zero.busy = SimTime{};
  zero.exact_us = 0;
  coarse.ops.assign(grouping.num_groups, zero);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (graph.nodes()[v].kind != NodeKind::kOp) {
      continue;
    }
    auto& sum = coarse.ops[index(grouping.group_of[v])];
    if (!fine.ops[v]) {
      sum.reset();
    } else if (sum) {
      sum->time += fine.ops[v]->time;
      sum->minimum += fine.ops[v]->minimum;
      *sum->busy += fine.ops[v]->busy.value_or(fine.ops[v]->time);
      *sum->exact_us += fine.ops[v]->microseconds();
    }
  }
  for (auto& sum : coarse.ops) {
    if (sum && !busy_known) {
      sum->busy.reset();
    }
  }
  return coarse;
}

}  // namespace

Workload contract(const Workload& workload, const Grouping& grouping) {
  const Graph& graph = workload.graph;
  PLACER_CHECK(grouping.group_of.size() == graph.size(), "grouping of another graph");
  std::vector<Node> nodes = Contraction(graph, grouping).run();
  describe_groups(graph, grouping, nodes);
  GraphInfo info = graph.info();
  info.name += fmt::format(" in {} groups", grouping.num_groups);
  Workload coarse{build_graph_or_die(std::move(info), std::move(nodes)), {}};
  for (const KindTimes& times : workload.times.kinds()) {
    coarse.times.set(sum_times(graph, grouping, times));
  }
  return coarse;
}

Constraints contract(const Constraints& constraints, const Grouping& grouping) {
  const std::size_t size = grouping.num_groups;
  Constraints coarse;
  coarse.memory_limit = constraints.memory_limit;
  coarse.contiguous = constraints.contiguous;
  coarse.allowed.assign(size, ~std::uint64_t{0});
  // Groups of one unit get the lowest of their numbers.
  DisjointSets sets(size);
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> group_of_unit(constraints.num_units, kNone);
  for (std::size_t v = 0; v < grouping.group_of.size(); ++v) {
    const auto group = static_cast<std::uint32_t>(grouping.group_of[v]);
    coarse.allowed[group] &= constraints.allowed[v];
    std::uint32_t& first = group_of_unit[constraints.unit_of[v]];
    if (first == kNone) {
      first = group;
    } else {
      sets.unite(first, group);
    }
  }
  auto [unit_of, count] = sets.numbered();
  coarse.unit_of = std::move(unit_of);
  coarse.num_units = count;
  for (std::uint32_t g = 0; g < size; ++g) {
    coarse.allowed[sets.find(g)] &= coarse.allowed[g];
  }
  for (std::uint32_t g = 0; g < size; ++g) {
    coarse.allowed[g] = coarse.allowed[sets.find(g)];
    PLACER_CHECK(coarse.allowed[g] != 0, "a group that no device may run");
  }
  return coarse;
}

Placement expand(const Placement& coarse, const Grouping& grouping) {
  PLACER_CHECK(coarse.device.size() == grouping.num_groups, "placement of another grouping");
  Placement fine;
  fine.device.reserve(grouping.group_of.size());
  for (const GroupId group : grouping.group_of) {
    fine.device.push_back(coarse.device[index(group)]);
  }
  if (!coarse.priority.empty()) {
    fine.priority.reserve(grouping.group_of.size());
    for (const GroupId group : grouping.group_of) {
      fine.priority.push_back(coarse.priority[index(group)]);
    }
  }
  return fine;
}

Placement coarsen(const CostModel& costs, const Placement& fine, const Grouping& grouping) {
  PLACER_CHECK(fine.device.size() == grouping.group_of.size(), "placement of another graph");
  const std::size_t num_devices = costs.cluster().size();
  std::vector<SimTime> share(grouping.num_groups * num_devices);
  Placement coarse{std::vector<DeviceId>(grouping.num_groups), {}};
  for (std::size_t v = fine.device.size(); v-- > 0;) {
    const std::size_t group = index(grouping.group_of[v]);
    coarse.device[group] = fine.device[v];
    share[group * num_devices + index(fine.device[v])] += costs.mean_time(id_at<NodeId>(v));
  }
  for (std::size_t g = 0; g < grouping.num_groups; ++g) {
    const auto begin = share.begin() + static_cast<std::ptrdiff_t>(g * num_devices);
    const auto most = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(num_devices));
    if (most->ps > 0) {
      coarse.device[g] = id_at<DeviceId>(static_cast<std::size_t>(most - begin));
    }
  }
  return coarse;
}

std::vector<Bytes> persistent_bytes(const Graph& graph, const Grouping& grouping) {
  std::vector<Bytes> bytes(grouping.num_groups);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    if (node.kind == NodeKind::kOp || node.kind == NodeKind::kOutput) {
      continue;
    }
    for (const TensorSpec& output : node.outputs) {
      bytes[index(grouping.group_of[v])] += output.bytes;
    }
  }
  return bytes;
}

}  // namespace placer
