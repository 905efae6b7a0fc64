#include "simulator/timeline.h"

#include <algorithm>
#include <tuple>

#include "placer/base/error.h"

namespace placer::sim {

namespace {

// The sending of `value` to `device` that arrived at a time.
class SendingIndex {
 public:
  explicit SendingIndex(const std::vector<StepRecorder::Sending>& sendings) {
    for (const auto& sending : sendings) {
      sorted_.push_back(&sending);
    }
    std::ranges::sort(sorted_, {}, key);
  }

  // nullptr: the value did not have to travel.
  [[nodiscard]] const StepRecorder::Sending* find(std::uint32_t value, std::uint32_t device,
                                                  std::int64_t arrival) const {
    const std::tuple wanted(value, device, arrival);
    const auto at = std::ranges::lower_bound(sorted_, wanted, {}, key);
    return at != sorted_.end() && key(*at) == wanted ? *at : nullptr;
  }

 private:
  static std::tuple<std::uint32_t, std::uint32_t, std::int64_t> key(
      const StepRecorder::Sending* sending) {
    return {sending->value, sending->to, sending->arrival};
  }

  std::vector<const StepRecorder::Sending*> sorted_;
};

// Walks backwards in time; pieces without length are left out, except ops.
class PathBuilder {
 public:
  void add(PathSegment::Kind kind, std::uint32_t node, std::uint32_t device, std::int64_t start,
           std::int64_t end) {
    if (start == end && kind != PathSegment::Kind::kOp) return;
    segments_.push_back({kind, id_at<NodeId>(node), id_at<DeviceId>(device), {start}, {end}});
  }
  [[nodiscard]] std::vector<PathSegment> take() {
    std::ranges::reverse(segments_);
    return std::move(segments_);
  }

 private:
  std::vector<PathSegment> segments_;
};

std::uint32_t last_to_end(const CompiledGraph& graph, const StepRecorder& recorder) {
  std::uint32_t last = 0;
  for (std::uint32_t n = 1; n < graph.num_nodes; ++n) {
    if (recorder.nodes()[n].end > recorder.nodes()[last].end) last = n;
  }
  return last;
}

void add_transfers(const CompiledGraph& graph, const Cluster& cluster, const Workspace& workspace,
                   const StepRecorder& recorder, Timeline& timeline) {
  timeline.link_bytes.resize(cluster.links().size());
  for (const auto& sending : recorder.sendings()) {
    const std::uint32_t value = sending.value;
    if (graph.is_signal(value)) continue;
    const std::uint32_t node = graph.values[value].producer;
    const DeviceId from = id_at<DeviceId>(workspace.nodes[node].device);
    const DeviceId to = id_at<DeviceId>(sending.to);
    timeline.link_bytes[index(cluster.link_between(from, to))] += {graph.values[value].bytes};
    timeline.transfers.push_back({{id_at<NodeId>(node), graph.values[value].output},
                                  from,
                                  to,
                                  {sending.start},
                                  {sending.released},
                                  {sending.arrival}});
  }
  std::ranges::sort(timeline.transfers, [](const TransferRecord& a, const TransferRecord& b) {
    return std::tuple(a.start, a.tensor.node, a.tensor.output, a.to) <
           std::tuple(b.start, b.tensor.node, b.tensor.output, b.to);
  });
}

}  // namespace

std::vector<PathSegment> critical_segments(const CompiledGraph& graph, const Workspace& workspace,
                                           const StepRecorder& recorder) {
  using Kind = PathSegment::Kind;
  const SendingIndex sendings(recorder.sendings());
  PathBuilder path;
  std::uint32_t n = last_to_end(graph, recorder);
  while (graph.nodes[n].kind != NodeClass::kSource) {
    const auto& times = recorder.nodes()[n];
    const std::uint32_t device = workspace.nodes[n].device;
    if (graph.nodes[n].kind == NodeClass::kOp) {
      path.add(Kind::kOp, n, device, times.start, times.end);
      path.add(Kind::kDeviceWait, n, device, times.ready, times.start);
    }
    const std::uint32_t value = times.last_input;
    if (value == StepRecorder::kLaunch) path.add(Kind::kLaunch, n, device, 0, times.ready);
    if (value == StepRecorder::kNone || value == StepRecorder::kLaunch) break;
    n = graph.values[value].producer;
    if (workspace.nodes[n].device == device) continue;
    if (const auto* sending = sendings.find(value, device, times.ready)) {
      path.add(Kind::kTransfer, n, sending->to, sending->start, sending->arrival);
      path.add(Kind::kLinkWait, n, sending->to, sending->made, sending->start);
    }
  }
  return path.take();
}

Timeline make_timeline(const CompiledGraph& graph, const Cluster& cluster,
                       const Workspace& workspace, const StepRecorder& recorder) {
  Timeline timeline;
  timeline.step_time = {workspace.step_time};
  for (std::uint32_t n = 0; n < graph.num_nodes; ++n) {
    if (graph.nodes[n].kind != NodeClass::kOp) continue;
    const auto& times = recorder.nodes()[n];
    timeline.ops.push_back(
        {id_at<NodeId>(n), id_at<DeviceId>(workspace.nodes[n].device), {times.start}, {times.end}});
  }
  std::ranges::stable_sort(timeline.ops, [](const OpRecord& a, const OpRecord& b) {
    return std::tuple(a.start, a.device, a.end) < std::tuple(b.start, b.device, b.end);
  });
  add_transfers(graph, cluster, workspace, recorder, timeline);
  for (std::size_t i = 0; i < cluster.pools().size(); ++i) {
    timeline.pool_peak.push_back({workspace.memory.peak()[graph.num_devices + i]});
  }
  const auto allocations = recorder.allocations(workspace);
  timeline.memory = memory_profile(allocations, timeline.step_time);
  timeline.path = critical_segments(graph, workspace, recorder);
  for (const PathSegment& segment : timeline.path) {
    if (segment.kind == PathSegment::Kind::kOp) timeline.critical_path.push_back(segment.node);
  }
  return timeline;
}

}  // namespace placer::sim
