#include <algorithm>
#include <numeric>

#include "placer/algorithm/list_schedulers.h"

namespace placer {

Schedule heft_schedule(const Problem& problem, const UnitTable& units, const ScheduleModel& model) {
  const Graph& graph = problem.costs.graph();
  const std::vector<std::int64_t> rank = default_priority(problem.costs);
  std::vector<NodeId> order;
  order.reserve(graph.size());
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (graph.nodes()[v].kind == NodeKind::kOp) {
      order.push_back(id_at<NodeId>(v));
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](NodeId a, NodeId b) { return rank[index(a)] > rank[index(b)]; });
  PartialSchedule schedule(problem, units, model);
  for (const NodeId op : order) {
    schedule.place(op, schedule.earliest_finish(op));
  }
  return schedule.finish();
}

}  // namespace placer
