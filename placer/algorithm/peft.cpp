#include <algorithm>
#include <bit>
#include <queue>
#include <utility>

#include "placer/algorithm/list_schedulers.h"

namespace placer {

std::vector<SimTime> optimistic_costs(const CostModel& costs, const Constraints& constraints) {
  const Graph& graph = costs.graph();
  const std::size_t num_devices = costs.cluster().size();
  std::vector<SimTime> table(graph.size() * num_devices);
  std::vector<SimTime> here(num_devices);
  std::vector<std::pair<SimTime, NodeId>> unused;
  for (std::size_t v = graph.size(); v-- > 0;) {
    const NodeId id = id_at<NodeId>(v);
    for (const Use& use : graph.uses(id)) {
      const std::size_t s = index(use.consumer);
      const SimTime edge = costs.mean_time(id, use);
      // The edge costs the same to every other device, so the least over these is the least of all.
      SimTime elsewhere = kMaxSimTime;
      for (std::size_t d = 0; d < num_devices; ++d) {
        const bool may_run = (constraints.allowed[s] >> d & 1) != 0;
        here[d] = may_run
                      ? table[s * num_devices + d] + costs.op_time(use.consumer, id_at<DeviceId>(d))
                      : kMaxSimTime;
        elsewhere = std::min(elsewhere, here[d] + edge);
      }
      for (std::size_t d = 0; d < num_devices; ++d) {
        SimTime& cost = table[v * num_devices + d];
        cost = std::max(cost, std::min(here[d], elsewhere));
      }
    }
  }
  return table;
}

namespace {

// Mean of an op's row over the devices that it may use, rounded down.
std::int64_t optimistic_rank(std::span<const SimTime> row, std::uint64_t allowed) {
  const int count = std::popcount(allowed);
  std::int64_t whole = 0;
  std::int64_t rest = 0;
  for (std::size_t d = 0; d < row.size(); ++d) {
    if ((allowed >> d & 1) != 0) {
      whole += row[d].ps / count;
      rest += row[d].ps % count;
    }
  }
  return whole + rest / count;
}

}  // namespace

Schedule peft_schedule(const Problem& problem, const UnitTable& units, const ScheduleModel& model) {
  const CostModel& costs = problem.costs;
  const std::size_t num_devices = units.num_devices();
  const std::vector<SimTime> table = optimistic_costs(costs, problem.constraints);
  std::vector<std::int64_t> rank(costs.graph().size());
  for (std::size_t v = 0; v < rank.size(); ++v) {
    rank[v] = optimistic_rank(std::span(table).subspan(v * num_devices, num_devices),
                              problem.constraints.allowed[v]);
  }
  PartialSchedule schedule(problem, units, model);
  ReadyTracker tracker(costs.graph());
  const auto later = [&](NodeId a, NodeId b) {
    return std::pair(-rank[index(a)], a) > std::pair(-rank[index(b)], b);
  };
  std::priority_queue<NodeId, std::vector<NodeId>, decltype(later)> queue(later, tracker.initial());
  while (!queue.empty()) {
    const NodeId op = queue.top();
    queue.pop();
    schedule.place(op, schedule.best_device(op, [&](SimTime start, DeviceId device) {
      return start + costs.op_time(op, device) + table[index(op) * num_devices + index(device)];
    }));
    tracker.done(op, [&](NodeId ready) { queue.push(ready); });
  }
  return schedule.finish();
}

}  // namespace placer
