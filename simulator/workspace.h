#pragma once

// What one simulation needs beside the graph: sized once and used again, one per thread.

#include <cstdint>
#include <optional>
#include <vector>

#include "placer/placement/placement.h"
#include "simulator/compiled_graph.h"
#include "simulator/event_queue.h"
#include "simulator/execution_order.h"
#include "simulator/liveness.h"
#include "simulator/network.h"
#include "simulator/ready_set.h"

namespace placer::sim {

struct Workspace {
  explicit Workspace(const CompiledGraph& graph);

  // Takes a placement of the graph in. Returns the first op that its device does not support.
  //   throws  LogicError when sizes or devices disagree with the graph
  [[nodiscard]] std::optional<NodeId> load(const CompiledGraph& graph, const Placement& placement);
  // Back to the start of the step. All but what one engine alone uses.
  void clear(const CompiledGraph& graph);

  // The placement.
  const std::uint32_t* rank = nullptr;
  const std::uint32_t* order = nullptr;
  ExecutionOrder own_order;  // of a placement with priorities; rank and order point here then

  // The state of the step.
  struct NodeState {
    std::uint32_t waiting = 0;  // inputs that have not arrived
    std::uint32_t rank = 0;
    std::uint8_t device = 0;
    NodeClass kind = NodeClass::kOp;  // here too: read where a node becomes ready
  };
  std::vector<NodeState> nodes;  // [nodes]
  struct Copy {
    static constexpr std::uint32_t kAllReaders = 0xFFFFFFFF;
    std::uint32_t value = 0;
    std::uint32_t device = 0;          // that it goes to
    std::uint32_t edge = kAllReaders;  // for which it was made
  };
  std::vector<Copy> copies;                 // [edges], in order of creation
  std::vector<std::uint32_t> input_buffer;  // [inputs]: what the reader reads
  std::vector<Buffer> buffers;              // [values], then the copies
  std::vector<std::int64_t> launched;       // [nodes]: end of its launch; empty: all at the start
  std::vector<std::int64_t> host;           // [devices]: end of the thread's latest launch
  Network network;
  MemoryAccount memory;

  // Of the event loop.
  std::vector<ReadySet> ready;   // [devices], by priority; or:
  std::vector<EventQueue> fifo;  // [devices], by ready time
  EventQueue events;

  // Of the fixed order.
  std::vector<std::int64_t> finish;      // [nodes]
  std::vector<std::uint32_t> last_copy;  // [values]: the latest made of it, or kNoCopy
  struct Arrival {
    std::int64_t time = 0;
    std::int64_t start = 0;      // of the copy
    std::uint32_t previous = 0;  // copy of the same value
  };
  static constexpr std::uint32_t kNoCopy = 0xFFFFFFFF;
  std::vector<Arrival> arrivals;      // [copies]
  std::vector<MemoryChange> changes;  // where memory is accounted

  // The result, beside memory.peak().
  std::uint32_t num_copies = 0;
  std::int64_t step_time = 0;
  std::vector<std::int64_t> busy;  // [devices]

 private:
  void set_launches(const CompiledGraph& graph);
};

}  // namespace placer::sim
