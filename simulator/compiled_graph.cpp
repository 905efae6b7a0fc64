#include "simulator/compiled_graph.h"

#include <algorithm>

#include "placer/base/error.h"
#include "simulator/execution_order.h"

namespace placer::sim {

CompiledGraph::CompiledGraph(const CostModel& costs, std::span<const Bytes> memory_limit,
                             const Model& what)
    : model(what),
      num_nodes(static_cast<std::uint32_t>(costs.graph().size())),
      num_devices(static_cast<std::uint32_t>(costs.cluster().size())) {
  PLACER_CHECK(memory_limit.empty() || memory_limit.size() == num_devices, "a limit per device");
  add_values(costs.graph());
  add_edges(costs.graph());
  resolve_aliases(costs.graph());
  add_costs(costs);
  add_links(costs.cluster());
  add_domains(costs.cluster(), memory_limit);
  check_times(costs);
  add_occupancies();
  ExecutionOrder by_rank(*this);
  by_rank.set(*this, default_priority(costs));
  default_rank = by_rank.rank();
  default_order = by_rank.order();
}

// first_edge counts the edges of the values before.
void CompiledGraph::add_values(const Graph& graph) {
  nodes.resize(std::size_t{num_nodes} + 1);
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    const NodeId id = id_at<NodeId>(n);
    const Node& node = graph.node(id);
    CompiledNode& compiled = nodes[n];
    std::vector<std::uint32_t> readers_of(node.outputs.size(), 0);
    std::uint32_t waiters = 0;
    for (const Use& use : graph.uses(id)) {
      ++(use.output == Use::kControl ? waiters : readers_of[use.output]);
    }
    compiled.first_value = static_cast<std::uint32_t>(values.size());
    compiled.start_bytes = compiled.end_bytes = node.workspace.count;
    if (node.resident.count > 0) residents.emplace_back(n, node.resident.count);
    const auto add = [&](std::uint32_t which, std::int64_t size, std::uint32_t alias,
                         std::uint32_t edges, double stated) {
      values.push_back({size, n, which, num_edges, alias});
      stated_us_.push_back(stated);
      num_edges += edges;
    };
    for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
      const TensorSpec& tensor = node.outputs[k];
      const std::int64_t own = tensor.alias_of ? 0 : tensor.bytes.count;
      compiled.start_bytes += own;
      if (readers_of[k] == 0) {
        compiled.end_bytes += own;
      } else {
        // Of an alias, resolve_aliases() turns the number among the node's inputs into ours.
        add(k, tensor.bytes.count, tensor.alias_of.value_or(CompiledValue::kOwnStorage),
            readers_of[k], tensor.transfer_us.value_or(-1));
      }
    }
    if (waiters > 0) add(Use::kControl, 0, CompiledValue::kSignal, waiters, -1);
    PLACER_CHECK(values.size() < CompiledValue::kSignal, "too many tensors");
  }
  num_values = static_cast<std::uint32_t>(values.size());
  nodes[num_nodes].first_value = num_values;
  values.push_back({0, 0, 0, num_edges, CompiledValue::kSignal});
}

void CompiledGraph::add_edges(const Graph& graph) {
  readers.resize(num_edges);
  std::vector<std::vector<std::uint32_t>> tensors(num_nodes);  // edges
  std::vector<std::vector<std::uint32_t>> signals(num_nodes);
  std::vector<std::uint32_t> value_of(num_edges);
  for (std::uint32_t v = 0; v < num_values; ++v) {
    std::uint32_t edge = values[v].first_edge;
    for (const Use& use : graph.uses(id_at<NodeId>(values[v].producer))) {
      if (use.output != values[v].output) continue;
      const auto consumer = static_cast<std::uint32_t>(use.consumer);
      readers[edge].node = consumer;
      value_of[edge] = v;
      (is_signal(v) ? signals : tensors)[consumer].push_back(edge);
      ++edge;
    }
  }
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    const auto add = [&](std::uint32_t edge) {
      readers[edge].input = static_cast<std::uint32_t>(inputs.size());
      inputs.push_back({value_of[edge], values[value_of[edge]].producer});
    };
    nodes[n].first_input = static_cast<std::uint32_t>(inputs.size());
    std::ranges::for_each(tensors[n], add);
    nodes[n].first_signal = static_cast<std::uint32_t>(inputs.size());
    std::ranges::for_each(signals[n], add);
  }
  nodes[num_nodes].first_input = num_edges;
}

void CompiledGraph::resolve_aliases(const Graph& graph) {
  for (CompiledValue& value : std::span(values).first(num_values)) {
    if (value.alias >= CompiledValue::kSignal) continue;
    const TensorRef base = graph.nodes()[value.producer].inputs[value.alias];
    const CompiledNode& node = nodes[value.producer];
    for (std::uint32_t i = node.first_input; i < node.first_signal; ++i) {
      const CompiledValue& read = values[inputs[i].value];
      if (read.producer == index(base.node) && read.output == base.output) {
        value.alias = i;
        break;
      }
    }
  }
}

void CompiledGraph::add_costs(const CostModel& costs) {
  cost.resize(std::size_t{num_devices} * num_nodes);
  std::vector<std::int64_t> overhead(num_devices, 0);  // that ops do not pay
  launch.assign(num_devices, 0);
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    const Device& device = costs.cluster().devices()[d];
    const bool asynchronous = model.launch == Launch::kAsynchronous ||
                              (model.launch == Launch::kOfDevice && device.asynchronous_launch);
    if (asynchronous) launch[d] = device.overhead.ps;
    if (asynchronous || model.launch == Launch::kNone) overhead[d] = device.overhead.ps;
  }
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    const NodeId id = id_at<NodeId>(n);
    const NodeKind kind = costs.graph().node(id).kind;
    nodes[n].kind = kind == NodeKind::kOp       ? NodeClass::kOp
                    : kind == NodeKind::kOutput ? NodeClass::kKeep
                                                : NodeClass::kSource;
    if (nodes[n].kind == NodeClass::kSource) {
      sources.push_back(n);
    } else if (num_inputs(n) == 0) {
      heads.push_back(n);
    }
    supported.push_back(costs.supported(id));
    for (std::uint32_t d = 0; d < num_devices; ++d) {
      if (kind != NodeKind::kOp || (supported.back() >> d & 1) == 0) continue;
      const SimTime alone = costs.op_time(id, id_at<DeviceId>(d));
      const SimTime busy = costs.busy_time(id, id_at<DeviceId>(d));
      cost[std::size_t{d} * num_nodes + n] = {alone.ps - overhead[d],
                                              model.slow_down ? (busy - alone).ps : 0};
    }
  }
}

void CompiledGraph::add_links(const Cluster& cluster) {
  links.resize(std::size_t{num_devices} * num_devices);
  copying_peers.assign(num_devices, 0);
  // Pairs of a link that is not shared hold bus 0, which is never busy.
  std::vector<std::uint32_t> bus_of(cluster.links().size(), 0);
  for (std::size_t i = 0; i < bus_of.size(); ++i) {
    if (cluster.links()[i].shared && model.shared_buses) bus_of[i] = ++num_buses;
  }
  ++num_buses;
  std::vector<std::int64_t> latencies;
  for (const Link& link : cluster.links()) latencies.push_back(link.latency.ps);
  std::ranges::sort(latencies);
  latencies.erase(std::unique(latencies.begin(), latencies.end()), latencies.end());
  for (std::uint32_t from = 0; from < num_devices; ++from) {
    for (std::uint32_t to = 0; to < num_devices; ++to) {
      if (from == to) continue;
      const LinkId id = cluster.link_between(id_at<DeviceId>(from), id_at<DeviceId>(to));
      const Link& link = cluster.link(id);
      CompiledLink& compiled = links[std::size_t{from} * num_devices + to];
      compiled.latency = link.latency.ps;
      compiled.bytes_per_second = link.bytes_per_second.value_or(0);
      compiled.transfer_scale = link.transfer_scale;
      compiled.bus = bus_of[index(id)];
      compiled.latency_class = static_cast<std::uint32_t>(
          std::ranges::lower_bound(latencies, link.latency.ps) - latencies.begin());
      if (link.bytes_per_second) copying_peers[from] |= std::uint64_t{1} << to;
    }
  }
}

// A row per kind of link, as many as have room; the others compute.
void CompiledGraph::add_occupancies() {
  constexpr std::size_t kMostEntries = std::size_t{1} << 24;
  std::vector<CompiledLink> rows;
  for (CompiledLink& link : links) {
    if (link.bytes_per_second == 0) continue;
    const auto row = std::ranges::find_if(rows, [&](const CompiledLink& other) {
      return other.bytes_per_second == link.bytes_per_second &&
             other.transfer_scale == link.transfer_scale;
    });
    const auto number = static_cast<std::size_t>(row - rows.begin());
    if (row == rows.end()) {
      if ((number + 1) * num_values > kMostEntries) continue;
      rows.push_back(link);
      for (std::uint32_t v = 0; v < num_values; ++v) {
        occupancies_.push_back(compute_occupancy(v, link));
      }
    }
    link.row = static_cast<std::uint32_t>(number);
  }
}

// As CostModel::occupancy(), which rounds up once. Within range: check_times() has seen the sum.
std::int64_t CompiledGraph::compute_occupancy(std::uint32_t value, const CompiledLink& link) const {
  const double stated = stated_us_[value];
  const double ps = stated >= 0
                        ? stated * link.transfer_scale * 1e6
                        : static_cast<double>(values[value].bytes) / link.bytes_per_second * 1e12;
  const auto whole = static_cast<std::int64_t>(ps);
  return whole + (static_cast<double>(whole) < ps ? 1 : 0);
}

void CompiledGraph::add_domains(const Cluster& cluster, std::span<const Bytes> memory_limit) {
  const auto pools = static_cast<std::uint32_t>(cluster.pools().size());
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    const Device& device = cluster.devices()[d];
    domain_limit.push_back(memory_limit.empty() ? device.memory.count : memory_limit[d].count);
    pool_domain.push_back(num_devices + device.pool.value_or(pools));
  }
  for (const MemoryPool& pool : cluster.pools()) {
    domain_limit.push_back(pool.memory.count);
  }
  pool_peers.assign(num_devices, 0);
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    for (std::uint32_t other = 0; other < num_devices; ++other) {
      const bool shares = other != d && cluster.devices()[d].pool.has_value() &&
                          pool_domain[d] == pool_domain[other];
      if (shares) pool_peers[d] |= std::uint64_t{1} << other;
    }
  }
}

// Nothing takes longer than every op at its slowest, one after another, and every tensor sent once
// to every device, one after another.
void CompiledGraph::check_times(const CostModel& costs) const {
  double total = 0;
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    std::int64_t slowest = 0;
    for (std::uint32_t d = 0; d < num_devices; ++d) {
      const OpCost& op = cost[std::size_t{d} * num_nodes + n];
      slowest = std::max(slowest, op.alone + std::max<std::int64_t>(op.extra, 0));
    }
    total += static_cast<double>(slowest) + static_cast<double>(model.idle_after_op.ps);
  }
  total += static_cast<double>(model.idle_after_copy.ps) * num_edges;
  // A tensor may travel once for every reader.
  double all_bytes = 0;
  double all_stated_us = 0;
  for (std::uint32_t v = 0; v < num_values; ++v) {
    const bool per_reader = model.sending == Sending::kPerReader;
    const double times = per_reader ? values[v + 1].first_edge - values[v].first_edge : 1;
    all_bytes += times * static_cast<double>(values[v].bytes);
    all_stated_us += times * std::max(stated_us_[v], 0.0);
  }
  for (const Link& link : costs.cluster().links()) {
    const auto pairs = static_cast<double>(link.pairs.size());
    total += pairs * static_cast<double>(link.latency.ps) * num_values;
    if (link.bytes_per_second) total += pairs * all_bytes / *link.bytes_per_second * 1e12;
    total += pairs * all_stated_us * link.transfer_scale * 1e6;
  }
  if (total > static_cast<double>(std::int64_t{1} << 62)) {
    throw usage_error("graph \"" + costs.graph().info().name + "\" on cluster \"" +
                      costs.cluster().name() +
                      "\": op times and transfers together exceed 53 days, which the simulator "
                      "cannot count");
  }
}

}  // namespace placer::sim
