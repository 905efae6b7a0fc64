#include <algorithm>
#include <bit>
#include <optional>
#include <queue>
#include <utility>

#include "placer/algorithm/list_schedulers.h"

namespace placer {
namespace {

// Upward and downward ranks. They are sums of whole picoseconds, so that ways of equal length are
// equal and the critical path does not break off.
struct Ranks {
  explicit Ranks(const CostModel& costs) : upward(default_priority(costs)) {
    const Graph& graph = costs.graph();
    downward.resize(graph.size());
    for (std::size_t v = 0; v < graph.size(); ++v) {
      const NodeId id = id_at<NodeId>(v);
      if (graph.node(id).kind != NodeKind::kOp) {
        continue;  // there from the start
      }
      for (const Use& use : graph.uses(id)) {
        std::int64_t& there = downward[index(use.consumer)];
        there = std::max(there, downward[v] + costs.mean_time(id).ps + costs.mean_time(id, use).ps);
      }
    }
  }
  [[nodiscard]] std::int64_t priority(NodeId id) const {
    return upward[index(id)] + downward[index(id)];
  }

  std::vector<std::int64_t> upward;    // [nodes]
  std::vector<std::int64_t> downward;  // [nodes]
};

// From the first of the ops of highest upward rank along edges that lose nothing; the lowest
// consumer of equals.
std::vector<bool> critical_ops(const CostModel& costs, const Ranks& ranks) {
  const Graph& graph = costs.graph();
  std::vector<bool> critical(graph.size(), false);
  std::optional<NodeId> at;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    if (graph.node(id).kind == NodeKind::kOp &&
        (!at || ranks.upward[v] > ranks.upward[index(*at)])) {
      at = id;
    }
  }
  while (at) {
    critical[index(*at)] = true;
    const std::int64_t rest = ranks.upward[index(*at)] - costs.mean_time(*at).ps;
    const auto uses = graph.uses(*at);
    const auto next = std::find_if(uses.begin(), uses.end(), [&](const Use& use) {
      return graph.node(use.consumer).kind == NodeKind::kOp &&
             costs.mean_time(*at, use).ps + ranks.upward[index(use.consumer)] == rest;
    });
    at = next == uses.end() ? std::nullopt : std::optional(next->consumer);
  }
  return critical;
}

// The device that may run most of the critical ops; of equals the one that runs them fastest.
DeviceId critical_device(const Problem& problem, const std::vector<bool>& critical) {
  const std::size_t num_devices = problem.costs.cluster().size();
  std::vector<std::pair<std::int64_t, SimTime>> cost(num_devices);  // ops it may not run, time
  for (std::size_t v = 0; v < critical.size(); ++v) {
    for (std::size_t d = 0; critical[v] && d < num_devices; ++d) {
      if ((problem.constraints.allowed[v] >> d & 1) != 0) {
        cost[d].second += problem.costs.op_time(id_at<NodeId>(v), id_at<DeviceId>(d));
      } else {
        ++cost[d].first;
      }
    }
  }
  const auto best = std::min_element(cost.begin(), cost.end());
  return id_at<DeviceId>(static_cast<std::size_t>(best - cost.begin()));
}

}  // namespace

Schedule cpop_schedule(const Problem& problem, const UnitTable& units, const ScheduleModel& model) {
  const Graph& graph = problem.costs.graph();
  const Ranks ranks(problem.costs);
  const std::vector<bool> critical = critical_ops(problem.costs, ranks);
  const DeviceId device = critical_device(problem, critical);
  PartialSchedule schedule(problem, units, model);
  ReadyTracker tracker(graph);
  const auto later = [&](NodeId a, NodeId b) {
    return std::pair(-ranks.priority(a), a) > std::pair(-ranks.priority(b), b);
  };
  std::priority_queue<NodeId, std::vector<NodeId>, decltype(later)> queue(later, tracker.initial());
  while (!queue.empty()) {
    const NodeId op = queue.top();
    queue.pop();
    const bool follows =
        critical[index(op)] && schedule.may_use(op, device) && schedule.has_room(op, device);
    schedule.place(op, follows ? device : schedule.earliest_finish(op));
    tracker.done(op, [&](NodeId ready) { queue.push(ready); });
  }
  return schedule.finish();
}

}  // namespace placer
