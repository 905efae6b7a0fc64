#pragma once

// A workload on a cluster under a model, flattened into the arrays that simulations walk: 32-bit
// indices, what is read together side by side, nothing that depends on a placement. Immutable, so
// that threads share it.
//
// A *value* is what a finished node hands to others: each output tensor that somebody reads, and
// where other nodes only wait for it, a signal without bytes. An *edge* is one reader of one value.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/cost/cost_model.h"
#include "simulator/model.h"

namespace placer::sim {

enum class NodeClass : std::uint8_t {
  kOp,      // runs on its device
  kSource,  // there from the start
  kKeep,    // an output: takes no time, keeps what it reads to the end of the step
};

struct CompiledNode {
  std::int64_t start_bytes = 0;  // outputs of its own and workspace: allocated at its start
  std::int64_t end_bytes = 0;    // workspace and outputs nobody reads: freed at its end
  std::uint32_t first_value = 0;
  std::uint32_t first_input = 0;  // into inputs: tensors first, then signals
  std::uint32_t first_signal = 0;
  NodeClass kind = NodeClass::kOp;
};

struct CompiledValue {
  // Values of alias that are no input.
  static constexpr std::uint32_t kOwnStorage = 0xFFFFFFFF;
  static constexpr std::uint32_t kSignal = 0xFFFFFFFE;

  std::int64_t bytes = 0;
  std::uint32_t producer = 0;
  std::uint32_t output = 0;           // of the producer; Use::kControl for a signal
  std::uint32_t first_edge = 0;       // into readers
  std::uint32_t alias = kOwnStorage;  // the producer's input whose storage it shares, into inputs
};

// An edge as the reader sees it, and as the producer does.
struct CompiledInput {
  std::uint32_t value = 0;
  std::uint32_t producer = 0;
};
struct CompiledReader {
  std::uint32_t node = 0;
  std::uint32_t input = 0;  // into inputs
};

// How long an op takes on a device.
struct OpCost {
  std::int64_t alone = 0;  // ps
  std::int64_t extra = 0;  // more while all other devices of its memory pool work
};

struct CompiledLink {
  static constexpr std::uint32_t kNoRow = 0xFFFFFFFF;

  std::int64_t latency = 0;         // ps
  double bytes_per_second = 0;      // 0: a hand-off
  double transfer_scale = 1;        // of stated transfer times
  std::uint32_t bus = 0;            // number of the port that all pairs of a shared link hold
  std::uint32_t row = kNoRow;       // of the table of occupancies
  std::uint32_t latency_class = 0;  // links of equal latency have equal ones
};

class CompiledGraph {
 public:
  CompiledGraph(const CostModel& costs, std::span<const Bytes> memory_limit, const Model& what);

  [[nodiscard]] std::uint32_t num_domains() const {
    return static_cast<std::uint32_t>(domain_limit.size()) + 1;
  }
  [[nodiscard]] const CompiledLink& link(std::uint32_t from, std::uint32_t to) const {
    return links[from * num_devices + to];
  }
  // Picoseconds for which a copy of the value holds the link, as CostModel::occupancy().
  [[nodiscard]] std::int64_t occupancy(std::uint32_t value, const CompiledLink& link) const {
    return link.row == CompiledLink::kNoRow
               ? compute_occupancy(value, link)
               : occupancies_[std::size_t{link.row} * num_values + value];
  }
  [[nodiscard]] bool is_signal(std::uint32_t value) const {
    return values[value].alias == CompiledValue::kSignal;
  }
  // How many inputs the node waits for.
  [[nodiscard]] std::uint32_t num_inputs(std::uint32_t node) const {
    return nodes[node + 1].first_input - nodes[node].first_input;
  }

  Model model;
  std::uint32_t num_nodes = 0;
  std::uint32_t num_devices = 0;
  std::uint32_t num_values = 0;
  std::uint32_t num_edges = 0;
  std::uint32_t num_buses = 0;

  std::vector<CompiledNode> nodes;       // [nodes + 1]: the last one ends the lists
  std::vector<std::uint64_t> supported;  // [nodes]: mask of devices
  std::vector<OpCost> cost;              // [devices x nodes]
  std::vector<CompiledValue> values;     // [values + 1], by producer and output, the signal last
  std::vector<CompiledReader> readers;   // [edges], by value
  std::vector<CompiledInput> inputs;     // [edges], by reader
  std::vector<std::pair<std::uint32_t, std::int64_t>> residents;  // (op, bytes) held all step long
  std::vector<std::uint32_t> sources;  // nodes of class kSource, ascending
  std::vector<std::uint32_t> heads;    // other nodes that wait for nothing, ascending

  std::vector<CompiledLink> links;           // [devices x devices], from-major
  std::vector<std::uint64_t> copying_peers;  // [devices]: mask of those that it sends copies to
  std::vector<std::uint64_t> pool_peers;     // [devices]: mask of the others of its memory pool
  std::vector<std::int64_t> launch;          // [devices]: ps of the host per op; 0: none

  // Memory is accounted by domain: a device each, then a pool each, then one that never fills.
  std::vector<std::uint32_t> pool_domain;    // [devices]
  std::vector<std::int64_t> domain_limit;    // [devices + pools]
  std::vector<std::uint32_t> default_rank;   // [nodes]: position in the default execution order
  std::vector<std::uint32_t> default_order;  // its inverse

 private:
  void add_values(const Graph& graph);
  void add_edges(const Graph& graph);
  void resolve_aliases(const Graph& graph);
  void add_costs(const CostModel& costs);
  void add_links(const Cluster& cluster);
  void add_occupancies();
  void add_domains(const Cluster& cluster, std::span<const Bytes> memory_limit);
  void check_times(const CostModel& costs) const;
  [[nodiscard]] std::int64_t compute_occupancy(std::uint32_t value, const CompiledLink& link) const;

  std::vector<double> stated_us_;          // [values]: negative: bytes over bandwidth
  std::vector<std::int64_t> occupancies_;  // [rows x values]
};

}  // namespace placer::sim
