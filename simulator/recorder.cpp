#include "simulator/recorder.h"

#include <limits>

namespace placer::sim {

StepRecorder::StepRecorder(const CompiledGraph& graph)
    : graph_(graph), nodes_(graph.num_nodes), buffers_(graph.num_values) {}

void StepRecorder::start(std::uint32_t node, std::uint32_t /*device*/, std::int64_t time) {
  nodes_[node].start = time;
}

void StepRecorder::ready(std::uint32_t node, std::uint32_t value, std::int64_t time) {
  nodes_[node].ready = time;
  nodes_[node].last_input = value;
}

void StepRecorder::send(std::uint32_t value, std::uint32_t to, std::int64_t made,
                        std::int64_t start, std::int64_t released, std::int64_t arrival) {
  sendings_.push_back({value, to, made, start, released, arrival});
}

void StepRecorder::allocate(std::uint32_t buffer, std::uint32_t device, std::int64_t bytes,
                            std::int64_t time) {
  if (buffer >= buffers_.size()) buffers_.resize(buffer + 1);
  buffers_[buffer] = {time, std::numeric_limits<std::int64_t>::max(), bytes, device};
}

void StepRecorder::free(std::uint32_t buffer, std::int64_t time) {
  buffers_[buffer].end = time;
}

std::vector<Allocation> StepRecorder::allocations(
    const std::vector<std::uint8_t>& device, const std::vector<std::uint32_t>& copy_value) const {
  std::vector<Allocation> result;
  for (std::uint32_t b = 0; b < buffers_.size(); ++b) {
    const Interval& interval = buffers_[b];
    if (interval.device == kNone) continue;
    const bool copy = b >= graph_.num_values;
    const std::uint32_t value = copy ? copy_value[b - graph_.num_values] : b;
    const std::uint32_t node = graph_.producer[value];
    // The loop speaks of an output when its op has ended; its memory was taken at the op's start.
    result.push_back({copy ? interval.start : nodes_[node].start, interval.end, interval.bytes,
                      interval.device, node, graph_.output[value]});
  }
  for (std::uint32_t n = 0; n < graph_.num_nodes; ++n) {
    if (graph_.end_bytes[n] == 0) continue;
    const bool source = graph_.node_class[n] == NodeClass::kSource;
    result.push_back({nodes_[n].start,
                      source ? std::numeric_limits<std::int64_t>::max() : nodes_[n].end,
                      graph_.end_bytes[n], device[n], n, Allocation::kWorkspace});
  }
  return result;
}

}  // namespace placer::sim
