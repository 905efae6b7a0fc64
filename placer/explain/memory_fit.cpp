#include "placer/explain/memory_fit.h"

#include <algorithm>
#include <map>
#include <queue>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"

namespace placer {
namespace {

// Ops and outputs in the order in which one device runs them: the ready one of highest priority,
// then of lowest index.
std::vector<NodeId> order_on_one_device(const CostModel& costs) {
  const Graph& graph = costs.graph();
  const std::vector<std::int64_t> priority = default_priority(costs);
  std::vector<std::size_t> waiting(graph.size(), 0);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      ++waiting[index(use.consumer)];
    }
  }
  // Everything that takes no time runs as soon as it can.
  std::priority_queue<std::tuple<bool, std::int64_t, std::int64_t>> ready;
  const auto push = [&](std::size_t v) {
    const bool instant = graph.nodes()[v].kind != NodeKind::kOp;
    ready.emplace(instant, priority[v], -static_cast<std::int64_t>(v));
  };
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (waiting[v] == 0) {
      push(v);
    }
  }
  std::vector<NodeId> order;
  order.reserve(graph.size());
  while (!ready.empty()) {
    const auto id = id_at<NodeId>(static_cast<std::size_t>(-std::get<2>(ready.top())));
    ready.pop();
    order.push_back(id);
    for (const Use& use : graph.uses(id)) {
      if (--waiting[index(use.consumer)] == 0) {
        push(index(use.consumer));
      }
    }
  }
  return order;
}

// What a storage is for.
enum class Part : std::uint8_t { kPersistent, kGradient, kActivation };

// One step on one device: which storages are alive when.
class Liveness {
 public:
  explicit Liveness(const CostModel& costs) : graph_(costs.graph()), parts_(graph_.num_tensors()) {
    classify();
    walk(order_on_one_device(costs));
  }

  [[nodiscard]] Part part(TensorRef storage) const { return parts_[graph_.tensor_index(storage)]; }
  [[nodiscard]] Bytes activation_peak() const { return activation_peak_; }
  // Of activations, gradients and workspace.
  [[nodiscard]] Bytes transient_peak() const { return transient_peak_; }

 private:
  void classify() {
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      const Node& node = graph_.nodes()[v];
      const bool is_op = node.kind == NodeKind::kOp;
      for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
        parts_[graph_.tensor_index({id_at<NodeId>(v), k})] =
            is_op ? Part::kActivation : Part::kPersistent;
      }
      if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kGradient) {
        Part& part = parts_[graph_.tensor_index(graph_.storage(node.inputs[0]))];
        part = part == Part::kActivation ? Part::kGradient : part;
      }
    }
  }

  // Last reader of each storage in `order`, by position; those that outputs keep live to the end.
  [[nodiscard]] std::vector<std::size_t> last_uses(const std::vector<NodeId>& order) const {
    std::vector<std::size_t> last(graph_.num_tensors(), 0);
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Node& node = graph_.node(order[at]);
      const bool keeps = node.kind == NodeKind::kOutput;
      const auto extend = [&](TensorRef ref) {
        std::size_t& position = last[graph_.tensor_index(graph_.storage(ref))];
        position = std::max(position, keeps ? order.size() : at);
      };
      for (const TensorRef input : node.inputs) {
        extend(input);
      }
      for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
        extend({order[at], k});
      }
    }
    return last;
  }

  void walk(const std::vector<NodeId>& order) {
    const std::vector<std::size_t> last = last_uses(order);
    std::vector<std::vector<TensorRef>> freed(order.size() + 1);
    Bytes activations;
    Bytes gradients;
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Node& node = graph_.node(order[at]);
      for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
        const TensorRef ref{order[at], k};
        const Part part = parts_[graph_.tensor_index(ref)];
        if (graph_.storage(ref) != ref || part == Part::kPersistent) {
          continue;
        }
        (part == Part::kGradient ? gradients : activations) += graph_.tensor(ref).bytes;
        freed[last[graph_.tensor_index(ref)]].push_back(ref);
      }
      activation_peak_ = std::max(activation_peak_, activations);
      transient_peak_ = std::max(transient_peak_, activations + gradients + node.workspace);
      for (const TensorRef ref : freed[at]) {
        const Part part = parts_[graph_.tensor_index(ref)];
        (part == Part::kGradient ? gradients : activations) -= graph_.tensor(ref).bytes;
      }
    }
  }

  const Graph& graph_;
  std::vector<Part> parts_;  // [tensors], of storages
  Bytes activation_peak_;
  Bytes transient_peak_;
};

void add_persistent(const Node& node, MemoryParts& parts) {
  Bytes bytes;
  for (const TensorSpec& output : node.outputs) {
    bytes += output.bytes;
  }
  if (node.kind == NodeKind::kInput || node.kind == NodeKind::kConstant) {
    parts.inputs += bytes;
  } else if (node.kind == NodeKind::kState) {
    switch (node.state_role) {
      case StateRole::kParameter:
        parts.parameters += bytes;
        break;
      case StateRole::kBuffer:
        parts.buffers += bytes;
        break;
      case StateRole::kOptimizer:
        parts.optimizer += bytes;
        break;
    }
  }
}

Bytes persistent_of(const MemoryParts& parts) {
  return parts.parameters + parts.buffers + parts.optimizer + parts.inputs + parts.resident;
}

// State and gradients by unit, with the largest of each.
struct Demand {
  Bytes bytes;
  NodeId largest{};
  Bytes largest_bytes;

  void add(NodeId node, Bytes more) {
    bytes += more;
    if (more > largest_bytes) {
      largest_bytes = more;
      largest = node;
    }
  }
};

std::vector<Demand> demand_of_units(const Graph& graph, const Constraints& constraints,
                                    const Liveness& liveness) {
  std::vector<Demand> demand(constraints.num_units);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    demand[constraints.unit_of[v]].add(id, graph.node(id).resident);
    for (std::uint32_t k = 0; k < graph.node(id).outputs.size(); ++k) {
      const TensorRef ref{id, k};
      if (graph.storage(ref) == ref && liveness.part(ref) != Part::kActivation) {
        demand[constraints.unit_of[v]].add(id, graph.tensor(ref).bytes);
      }
    }
  }
  return demand;
}

// What the devices of a mask hold together, pools counted once.
Bytes capacity(const Cluster& cluster, const std::vector<Bytes>& limits, std::uint64_t mask) {
  Bytes sum;
  std::vector<Bytes> in_pool(cluster.pools().size());
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    if ((mask >> d & 1) != 0) {
      const auto pool = cluster.devices()[d].pool;
      (pool ? in_pool[*pool] : sum) += limits[d];
    }
  }
  for (std::size_t p = 0; p < in_pool.size(); ++p) {
    sum += std::min(in_pool[p], cluster.pools()[p].memory);
  }
  return sum;
}

std::string names_of(const Cluster& cluster, std::uint64_t mask) {
  std::vector<std::string> names;
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    if ((mask >> d & 1) != 0) {
      names.push_back(cluster.devices()[d].name);
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// Everything that may only be on some devices must fit there together.
std::string short_together(const CostModel& costs, const Constraints& constraints,
                           const std::vector<Demand>& units,
                           const std::vector<std::uint64_t>& allowed) {
  const Cluster& cluster = costs.cluster();
  std::map<std::uint64_t, Demand> by_mask;
  for (const std::uint64_t mask : allowed) {
    by_mask.try_emplace(mask);
  }
  by_mask.try_emplace(~std::uint64_t{0} >> (64 - cluster.size()));
  for (auto& [mask, demand] : by_mask) {
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      if ((allowed[unit] & ~mask) == 0) {
        demand.bytes += units[unit].bytes;
        if (units[unit].largest_bytes > demand.largest_bytes) {
          demand.largest = units[unit].largest;
          demand.largest_bytes = units[unit].largest_bytes;
        }
      }
    }
    const Bytes room = capacity(cluster, constraints.memory_limit, mask);
    if (demand.bytes > room) {
      return fmt::format(
          "{} {} short: what must be there for the whole step needs {} of {}; largest: \"{}\" {}",
          names_of(cluster, mask),
          fmt::format("{} {}", (mask & (mask - 1)) == 0 ? "is" : "are together",
                      to_string(demand.bytes - room)),
          to_string(demand.bytes), to_string(room), costs.graph().node(demand.largest).name,
          to_string(demand.largest_bytes));
    }
  }
  return {};
}

// A unit is never divided.
std::string too_large_for_any(const CostModel& costs, const Constraints& constraints,
                              const std::vector<Demand>& units,
                              const std::vector<std::uint64_t>& allowed) {
  const Cluster& cluster = costs.cluster();
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    Bytes most;
    for (std::size_t d = 0; d < cluster.size(); ++d) {
      if ((allowed[unit] >> d & 1) != 0) {
        most = std::max(most, capacity(cluster, constraints.memory_limit, std::uint64_t{1} << d));
      }
    }
    if (units[unit].bytes > most) {
      return fmt::format(
          "\"{}\" and what shares its device need {}, no device of {} has more than {}: {} missing",
          costs.graph().node(units[unit].largest).name, to_string(units[unit].bytes),
          names_of(cluster, allowed[unit]), to_string(most), to_string(units[unit].bytes - most));
    }
  }
  return {};
}

}  // namespace

Bytes MemoryParts::total() const {
  return parameters + buffers + gradients + optimizer + inputs + activations + workspace + resident;
}

MemoryParts memory_parts(const CostModel& costs) {
  const Graph& graph = costs.graph();
  const Liveness liveness(costs);
  MemoryParts parts;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    const Node& node = graph.node(id);
    add_persistent(node, parts);
    parts.workspace = std::max(parts.workspace, node.workspace);
    parts.resident += node.resident;
    for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
      const TensorRef ref{id, k};
      if (graph.storage(ref) == ref && liveness.part(ref) == Part::kGradient) {
        parts.gradients += graph.tensor(ref).bytes;
      }
    }
  }
  parts.activations = liveness.activation_peak();
  return parts;
}

std::vector<DeviceFit> fit_alone(const CostModel& costs, std::span<const Bytes> limits) {
  const Cluster& cluster = costs.cluster();
  PLACER_CHECK(limits.size() == cluster.size(), "limits of another cluster");
  const Liveness liveness(costs);
  const Bytes needed = persistent_of(memory_parts(costs)) + liveness.transient_peak();
  std::vector<DeviceFit> result;
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto pool = cluster.devices()[d].pool;
    const Bytes limit = pool ? std::min(limits[d], cluster.pools()[*pool].memory) : limits[d];
    result.push_back({limit, needed, needed <= limit});
  }
  return result;
}

std::string certainly_infeasible(const CostModel& costs, const Constraints& constraints) {
  const Graph& graph = costs.graph();
  const std::vector<Demand> units = demand_of_units(graph, constraints, Liveness(costs));
  std::vector<std::uint64_t> allowed(constraints.num_units);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    allowed[constraints.unit_of[v]] = constraints.allowed[v];
  }
  const std::string together = short_together(costs, constraints, units, allowed);
  return together.empty() ? too_large_for_any(costs, constraints, units, allowed) : together;
}

}  // namespace placer
