#include "profiler/torch/step_record.h"

#include <algorithm>
#include <set>
#include <utility>

namespace placer::profile {

namespace {

// When `reader` had tensor `value`; the clock's zero: at once.
OpRecord::Time arrival(const StepPlan& plan, std::span<const OpRecord::Time> arrivals,
                       std::size_t reader, std::size_t value, const OpRecord& of_reader) {
  OpRecord::Time time = of_reader.seen;
  for (const std::uint32_t transfer : plan.arrives.of(reader)) {
    if (plan.transfers[transfer].value == value) {
      time = std::max(time, arrivals[transfer]);
    }
  }
  return time;
}

}  // namespace

void add_records(const Graph& graph, const Program& program, const Lowered& lowered,
                 const StepPlan& plan, std::span<const OpRecord> records,
                 std::span<const OpRecord::Time> arrivals, OpRecord::Time start,
                 StepReport& report) {
  const auto seconds = [&](OpRecord::Time t) {
    return std::chrono::duration<double>(t - start).count();
  };
  for (const std::uint32_t op : program.ops) {
    const OpRecord& kept = records[op];
    report.ops.push_back({id_at<NodeId>(op), id_at<DeviceId>(lowered.device[op]),
                          seconds(kept.start), seconds(kept.end), kept.cpu_seconds});
  }
  std::ranges::stable_sort(
      report.ops, {}, [](const OpRun& run) { return std::pair(run.start_seconds, run.device); });
  std::set<std::pair<std::size_t, DeviceId>> crossed;  // tensor, device
  for (const OpRun& run : report.ops) {
    for (const TensorRef input : graph.node(run.node).inputs) {
      const std::size_t producer = index(input.node);
      const DeviceId from = id_at<DeviceId>(lowered.device[producer]);
      if (graph.node(input.node).kind != NodeKind::kOp || from == run.device ||
          !crossed.emplace(graph.tensor_index(input), run.device).second) {
        continue;
      }
      // One that was there before the reader could start for other reasons took no time.
      const double made = seconds(records[producer].end);
      const std::size_t reader = index(run.node);
      const OpRecord::Time arrived =
          arrival(plan, arrivals, reader, graph.tensor_index(input), records[reader]);
      const double seen = std::max(made, std::min(seconds(arrived), run.start_seconds));
      report.hand_offs.push_back({input, from, run.device, made, seen});
    }
  }
}

}  // namespace placer::profile
