#pragma once

// One simulated step: the event loop. Its rules are docs/simulator.md, in the order of the code.

#include <cstdint>
#include <optional>
#include <vector>

#include "placer/placement/placement.h"
#include "simulator/compiled_graph.h"
#include "simulator/event_queue.h"
#include "simulator/liveness.h"
#include "simulator/ready_set.h"
#include "simulator/recorder.h"

namespace placer::sim {

// What one run needs, sized once and used again: one per thread.
struct Workspace {
  explicit Workspace(const CompiledGraph& graph);

  // Takes a placement of the graph in. Returns the first op that its device does not support.
  //   throws  LogicError when sizes or devices disagree with the graph
  [[nodiscard]] std::optional<NodeId> load(const CompiledGraph& graph, const Placement& placement);

  // The placement.
  std::vector<std::uint8_t> device;  // [nodes]
  const std::uint32_t* rank = nullptr;
  const std::uint32_t* order = nullptr;
  std::vector<std::int64_t> custom_priority;  // of custom_rank and custom_order
  std::vector<std::uint32_t> custom_rank;
  std::vector<std::uint32_t> custom_order;

  // The state of the step.
  std::vector<std::uint32_t> waiting;      // [nodes]: inputs that have not arrived
  std::vector<std::uint32_t> edge_buffer;  // [edges]: what the reader reads
  std::vector<Buffer> buffers;             // [values], then the copies in order of creation
  std::vector<std::uint32_t> copy_value;   // [copies]
  std::vector<ReadySet> ready;             // [devices]
  std::vector<std::int64_t> egress_free;   // [devices]
  std::vector<std::int64_t> ingress_free;  // [devices]
  std::vector<std::int64_t> bus_free;      // [buses]
  EventQueue events;
  MemoryAccount memory;

  // The result, beside memory.peak().
  std::int64_t step_time = 0;
  std::vector<std::int64_t> busy;  // [devices]
};

// Simulates the placement that was loaded.
//   cost  O((V + E) log V) time; no allocation
void simulate(const CompiledGraph& graph, Workspace& workspace);
// The same, told to a recorder.
void simulate(const CompiledGraph& graph, Workspace& workspace, StepRecorder& recorder);

}  // namespace placer::sim
