#pragma once

// A workload on a cluster, flattened into the arrays that the event loop walks: 32-bit indices, one
// array per field, nothing that depends on a placement. Immutable, so that threads share it.
//
// A *value* is what a finished node hands to others: each output tensor that somebody reads, and
// where other nodes only wait for it, a signal without bytes. An *edge* is one reader of one value.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/cost/cost_model.h"

namespace placer::sim {

enum class NodeClass : std::uint8_t {
  kOp,      // runs on its device
  kSource,  // there from the start
  kKeep,    // an output: takes no time, keeps what it reads to the end of the step
};

// How long an op takes on a device.
struct OpCost {
  std::int64_t alone = 0;  // ps
  std::int64_t extra = 0;  // more while all other devices of its memory pool work
};

struct CompiledLink {
  std::int64_t latency = 0;     // ps
  double bytes_per_second = 0;  // 0: a hand-off
  double transfer_scale = 1;    // of stated transfer times
  std::uint32_t bus = 0;        // number of the port that all pairs of a shared link hold
};

struct CompiledGraph {
  // Values of alias_edge that are no edge.
  static constexpr std::uint32_t kOwnStorage = 0xFFFFFFFF;
  static constexpr std::uint32_t kSignal = 0xFFFFFFFE;

  CompiledGraph(const CostModel& costs, std::span<const Bytes> memory_limit);

  std::uint32_t num_nodes = 0;
  std::uint32_t num_devices = 0;
  std::uint32_t num_values = 0;
  std::uint32_t num_edges = 0;
  std::uint32_t num_buses = 0;

  // By node.
  std::vector<NodeClass> node_class;
  std::vector<std::uint32_t> num_inputs;   // edges and signals that it waits for
  std::vector<std::uint32_t> first_value;  // [nodes + 1]
  std::vector<std::uint32_t> first_read;   // [nodes + 1] into read_edge
  // Outputs of its own and workspace: allocated at its start.
  std::vector<std::int64_t> start_bytes;
  std::vector<std::int64_t> end_bytes;  // workspace and outputs nobody reads: freed at its end
  std::vector<std::pair<std::uint32_t, std::int64_t>> residents;  // (op, bytes) held all step long
  std::vector<std::uint64_t> supported;                           // mask of devices
  std::vector<OpCost> cost;                                       // [devices x nodes]

  // By value.
  std::vector<std::uint32_t> producer;
  std::vector<std::uint32_t> output;      // of the producer; Use::kControl for a signal
  std::vector<std::uint32_t> first_edge;  // [values + 1]
  std::vector<std::int64_t> bytes;
  std::vector<double> stated_us;          // time to move it; negative: bytes over bandwidth
  std::vector<std::uint32_t> alias_edge;  // the producer's edge whose storage it shares

  std::vector<std::uint32_t> reader;     // [edges]: node
  std::vector<std::uint32_t> read_edge;  // edges into a node that carry tensors

  std::vector<std::uint32_t> sources;        // nodes of class kSource, ascending
  std::vector<CompiledLink> links;           // [devices x devices], from-major
  std::vector<std::uint64_t> copying_peers;  // [devices]: mask of those that it sends copies to

  std::vector<std::uint64_t> pool_peers;  // [devices]: mask of the others of its memory pool

  // Memory is accounted by domain: a device each, then a pool each, then one that never fills.
  std::vector<std::uint32_t> pool_domain;    // [devices]
  std::vector<std::int64_t> domain_limit;    // [devices + pools]
  std::vector<std::uint32_t> default_rank;   // [nodes]: position in the default execution order
  std::vector<std::uint32_t> default_order;  // its inverse

  [[nodiscard]] std::uint32_t num_domains() const {
    return static_cast<std::uint32_t>(domain_limit.size()) + 1;
  }

 private:
  void add_values(const Graph& graph);
  void add_edges(const Graph& graph);
  void add_costs(const CostModel& costs);
  void add_links(const Cluster& cluster);
  void check_times(const CostModel& costs) const;
};

// Positions in execution order: higher priority first, ties by lower index.
void rank_by_priority(std::span<const std::int64_t> priority, std::vector<std::uint32_t>& rank,
                      std::vector<std::uint32_t>& order);

}  // namespace placer::sim
