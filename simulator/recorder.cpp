#include "simulator/recorder.h"

#include <limits>

namespace placer::sim {

StepRecorder::StepRecorder(const CompiledGraph& graph)
    : graph_(graph), nodes_(graph.num_nodes), buffers_(graph.num_values) {}

void StepRecorder::ready(std::uint32_t node, std::uint32_t value, std::int64_t time) {
  nodes_[node].ready = time;
  nodes_[node].last_input = value;
}

void StepRecorder::send(std::uint32_t value, std::uint32_t to, std::int64_t made,
                        const Reservation& held, std::int64_t arrival) {
  sendings_.push_back({value, to, made, held.start, held.released, arrival});
}

void StepRecorder::allocate(std::uint32_t buffer, std::uint32_t device, std::int64_t bytes,
                            std::int64_t time) {
  if (buffer >= buffers_.size()) buffers_.resize(buffer + 1);
  buffers_[buffer] = {time, std::numeric_limits<std::int64_t>::max(), bytes, device};
}

void StepRecorder::free(std::uint32_t buffer, std::int64_t time) {
  buffers_[buffer].end = time;
}

std::vector<Allocation> StepRecorder::allocations(const Workspace& workspace) const {
  std::vector<Allocation> result;
  for (std::uint32_t b = 0; b < buffers_.size(); ++b) {
    const Interval& interval = buffers_[b];
    if (interval.device == kNone) continue;
    const bool copy = b >= graph_.num_values;
    const std::uint32_t value = copy ? workspace.copies[b - graph_.num_values].value : b;
    const std::uint32_t node = graph_.values[value].producer;
    // The loop speaks of an output when its op has ended; its memory was taken at the op's start.
    result.push_back({copy ? interval.start : nodes_[node].start, interval.end, interval.bytes,
                      interval.device, node, graph_.values[value].output});
  }
  for (std::uint32_t n = 0; n < graph_.num_nodes; ++n) {
    const CompiledNode& node = graph_.nodes[n];
    if (node.end_bytes == 0) continue;
    const bool source = node.kind == NodeClass::kSource;
    result.push_back({nodes_[n].start,
                      source ? std::numeric_limits<std::int64_t>::max() : nodes_[n].end,
                      node.end_bytes, workspace.nodes[n].device, n, Allocation::kWorkspace});
  }
  return result;
}

}  // namespace placer::sim
