#include "simulator/workspace.h"

#include <algorithm>

#include "placer/base/error.h"

namespace placer::sim {

Workspace::Workspace(const CompiledGraph& graph)
    : own_order(graph),
      nodes(graph.num_nodes),
      copies(graph.num_edges),
      network(graph),
      memory(graph),
      busy(graph.num_devices) {
  const bool asynchronous = std::ranges::any_of(graph.launch, [](auto time) { return time > 0; });
  if (asynchronous) {
    launched.resize(graph.num_nodes);
    host.resize(graph.num_devices);
  }
  const bool fixed = graph.model.order == Order::kFixed;
  if (graph.model.memory) {
    input_buffer.resize(graph.num_edges);
    buffers.resize(std::size_t{graph.num_values} + graph.num_edges);
    // Start and end of every node and copy, the end of every value.
    if (fixed) {
      changes.reserve(graph.residents.size() + 2 * (nodes.size() + copies.size()) +
                      graph.num_values);
    }
  }
  if (fixed) {
    finish.resize(graph.num_nodes);
    last_copy.resize(graph.num_values);
    arrivals.resize(graph.num_edges);
    return;
  }
  if (graph.model.order == Order::kReadyTime) {
    fifo.resize(graph.num_devices);
    for (EventQueue& queue : fifo) queue.reserve(graph.num_nodes);
  } else {
    ready.assign(graph.num_devices, ReadySet(graph.num_nodes));
  }
  // At most an end and a launch per node, three events per copy or one per hand-over, a free per
  // buffer, and where devices pause, one per op and two per copy.
  events.reserve(3 * std::size_t{graph.num_nodes} + graph.num_values +
                 5 * std::size_t{graph.num_edges});
}

std::optional<NodeId> Workspace::load(const CompiledGraph& graph, const Placement& placement) {
  PLACER_CHECK(placement.device.size() == graph.num_nodes, "a device per node");
  PLACER_CHECK(placement.priority.empty() || placement.priority.size() == graph.num_nodes,
               "a priority per node, or none");
  if (placement.priority.empty()) {
    rank = graph.default_rank.data();
    order = graph.default_order.data();
  } else {
    own_order.set(graph, placement.priority);
    rank = own_order.rank().data();
    order = own_order.order().data();
  }
  std::uint32_t unsupported = graph.num_nodes;
  for (std::uint32_t n = graph.num_nodes; n-- > 0;) {
    const auto d = static_cast<std::uint32_t>(placement.device[n]);
    PLACER_CHECK(d < graph.num_devices, "a device of the cluster");
    nodes[n] = {graph.num_inputs(n), rank[n], static_cast<std::uint8_t>(d), graph.nodes[n].kind};
    if ((graph.supported[n] >> d & 1) == 0) unsupported = n;
  }
  if (unsupported != graph.num_nodes) return id_at<NodeId>(unsupported);
  return std::nullopt;
}

void Workspace::clear(const CompiledGraph& graph) {
  std::ranges::fill(busy, 0);
  network.clear();
  if (graph.model.memory) memory.clear();
  num_copies = 0;
  step_time = 0;
  if (!launched.empty()) set_launches(graph);
}

// A thread of the host for every device that is launched ahead launches its ops, one after another.
void Workspace::set_launches(const CompiledGraph& graph) {
  std::ranges::fill(host, 0);
  for (std::uint32_t i = 0; i < graph.num_nodes; ++i) {
    const std::uint32_t n = order[i];
    const std::uint8_t device = nodes[n].device;
    const std::int64_t launch = graph.launch[device];
    const bool waits = graph.nodes[n].kind == NodeClass::kOp && launch > 0;
    if (waits) host[device] += launch;
    launched[n] = waits ? host[device] : 0;
  }
}

}  // namespace placer::sim
