#include "placer/bound/lower_bound.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "placer/bound/assignment_relaxation.h"
#include "placer/bound/device_classes.h"
#include "placer/bound/load_balance.h"

namespace placer {
namespace {

using Classes = std::vector<std::vector<DeviceId>>;

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostRelaxedUnits = 600;
constexpr std::size_t kMostRelaxedClasses = 4;
// Sums of doubles in another order differ by less than this share.
constexpr double kRounding = 1e-10;

std::int64_t whole_picoseconds(double microseconds) {
  return static_cast<std::int64_t>(microseconds * 1e6 * (1 - kRounding));
}

void raise(LowerBound& bound, std::int64_t cost, const char* name) {
  if (cost > bound.cost) {
    bound = {.cost = cost, .decided_by = name};
  }
}

// The longest way through the graph if every op had a device to itself: each node on the class of
// devices where it can end first, given that its inputs come from their best class and pay for the
// way between classes. Within a class they share a device and pay nothing.
class PathBound {
 public:
  PathBound(const CostModel& costs, const Constraints& constraints, const Classes& classes,
            BoundedObjective objective)
      : costs_(costs),
        graph_(costs.graph()),
        model_(costs),
        constraints_(constraints),
        classes_(classes),
        objective_(objective),
        end_(graph_.size() * classes.size(), kNever) {}

  double microseconds() {
    double longest = 0;
    for (std::size_t v = 0; v < graph_.size(); ++v) {
      double first = kNever;
      for (std::size_t c = 0; c < classes_.size(); ++c) {
        const DeviceId device = classes_[c].front();
        if ((constraints_.allowed[v] >> index(device) & 1) != 0) {
          end(v, c) = start(id_at<NodeId>(v), c) + time(id_at<NodeId>(v), device);
          first = std::min(first, end(v, c));
        }
      }
      longest = std::max(longest, first);
    }
    return longest;
  }

 private:
  double& end(std::size_t node, std::size_t c) { return end_[node * classes_.size() + c]; }

  [[nodiscard]] double time(NodeId node, DeviceId device) const {
    const double alone = costs_.op_microseconds(node, device);
    return objective_ == BoundedObjective::kLatency
               ? alone
               : std::min(alone, costs_.busy_time(node, device).microseconds());
  }

  [[nodiscard]] double travel(TensorRef tensor, std::size_t from, std::size_t to) const {
    const DeviceId sender = classes_[from].front();
    const DeviceId receiver = classes_[to].front();
    if (objective_ == BoundedObjective::kLatency) {
      return model_.transfer_us(tensor, sender) + model_.transfer_us(tensor, receiver);
    }
    // What exists before the step is everywhere at once over hand-offs.
    const bool settled = graph_.node(tensor.node).kind != NodeKind::kOp;
    const Link& link = costs_.cluster().link(costs_.cluster().link_between(sender, receiver));
    return settled && !link.bytes_per_second
               ? 0
               : costs_.transfer_time(graph_.tensor(tensor), sender, receiver).microseconds();
  }

  // When the last of the inputs can be there.
  double start(NodeId node, std::size_t to) {
    double latest = 0;
    for (const TensorRef input : graph_.node(node).inputs) {
      latest = std::max(latest, arrival(input.node, to,
                                        [&](std::size_t from) { return travel(input, from, to); }));
    }
    for (const NodeId before : graph_.controls(node)) {
      latest = std::max(latest, arrival(before, to, [](std::size_t) { return 0.0; }));
    }
    return latest;
  }

  template <typename Travel>
  double arrival(NodeId producer, std::size_t to, Travel way) {
    double first = end(index(producer), to);
    for (std::size_t from = 0; from < classes_.size(); ++from) {
      if (from != to && end(index(producer), from) < first) {
        first = std::min(first, end(index(producer), from) + way(from));
      }
    }
    return first;
  }

  const CostModel& costs_;
  const Graph& graph_;
  LoadModel model_;
  const Constraints& constraints_;
  const Classes& classes_;
  BoundedObjective objective_;
  std::vector<double> end_;  // [nodes x classes]
};

LowerBound step_time_bound(const CostModel& costs, const Constraints& constraints,
                           const Classes& classes) {
  LowerBound bound;
  PathBound path(costs, constraints, classes, BoundedObjective::kStepTime);
  raise(bound, whole_picoseconds(path.microseconds()), "critical path");
  const UnitLoads times = unit_times(costs, constraints, classes);
  raise(bound, whole_picoseconds(balance_bound(times)), "load balance");
  raise(bound, whole_picoseconds(heaviest_units_bound(times)), "heaviest units");
  return bound;
}

LowerBound max_load_bound(const CostModel& costs, const Constraints& constraints,
                          const Classes& classes) {
  LowerBound bound;
  const LoadModel model(costs);
  const UnitLoads loads = unit_loads(model, constraints, classes);
  raise(bound, whole_picoseconds(balance_bound(loads)), "load balance");
  raise(bound, whole_picoseconds(heaviest_units_bound(loads)), "heaviest units");
  if (constraints.num_units <= kMostRelaxedUnits && classes.size() <= kMostRelaxedClasses &&
      classes.size() > 1) {
    if (const auto relaxed = assignment_relaxation(model, constraints, classes)) {
      // CLP is right to its tolerance only.
      raise(bound, whole_picoseconds(*relaxed * (1 - 1e-6)), "linear relaxation");
    }
  }
  return bound;
}

LowerBound latency_bound(const CostModel& costs, const Constraints& constraints,
                         const Classes& classes) {
  LowerBound bound;
  PathBound path(costs, constraints, classes, BoundedObjective::kLatency);
  raise(bound, whole_picoseconds(path.microseconds()), "critical path");
  return bound;
}

// Bytes that are on a device from before the step to its end.
Bytes held(const Node& node) {
  Bytes bytes = node.resident;
  for (const TensorSpec& output : node.outputs) {
    bytes += node.kind == NodeKind::kOp || output.alias_of ? Bytes{} : output.bytes;
  }
  return bytes;
}

// Bytes that an op adds while it runs.
Bytes made(const Node& node) {
  Bytes bytes = node.workspace;
  for (const TensorSpec& output : node.outputs) {
    bytes += node.kind != NodeKind::kOp || output.alias_of ? Bytes{} : output.bytes;
  }
  return bytes;
}

LowerBound peak_memory_bound(const CostModel& costs, const Constraints& constraints) {
  LowerBound bound;
  const auto nodes = costs.graph().nodes();
  std::vector<Bytes> of_unit(constraints.num_units);
  Bytes total;
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    of_unit[constraints.unit_of[v]] += held(nodes[v]);
    total += held(nodes[v]);
  }
  const auto devices = static_cast<std::int64_t>(costs.cluster().size());
  raise(bound, (total.count + devices - 1) / devices, "resident bytes shared equally");
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    const Bytes bytes = of_unit[constraints.unit_of[v]] + made(nodes[v]);
    raise(bound, bytes.count, "largest unit");
  }
  return bound;
}

}  // namespace

std::optional<BoundedObjective> bounded_objective(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, BoundedObjective>, 5> kNames{
      {{"step-time", BoundedObjective::kStepTime},
       {"simulated", BoundedObjective::kStepTime},
       {"max-load", BoundedObjective::kMaxLoad},
       {"latency", BoundedObjective::kLatency},
       {"peak-memory", BoundedObjective::kPeakMemory}}};
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

LowerBound lower_bound(const CostModel& costs, const Constraints& constraints,
                       BoundedObjective objective) {
  if (objective == BoundedObjective::kPeakMemory) {
    return peak_memory_bound(costs, constraints);
  }
  const Classes classes = device_classes(costs, constraints);
  switch (objective) {
    case BoundedObjective::kMaxLoad:
      return max_load_bound(costs, constraints, classes);
    case BoundedObjective::kLatency:
      return latency_bound(costs, constraints, classes);
    default:
      return step_time_bound(costs, constraints, classes);
  }
}

}  // namespace placer
