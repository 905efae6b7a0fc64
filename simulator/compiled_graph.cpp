#include "simulator/compiled_graph.h"

#include <algorithm>
#include <numeric>

#include "placer/base/error.h"

namespace placer::sim {

CompiledGraph::CompiledGraph(const CostModel& costs, std::span<const Bytes> memory_limit)
    : num_nodes(static_cast<std::uint32_t>(costs.graph().size())),
      num_devices(static_cast<std::uint32_t>(costs.cluster().size())) {
  const Graph& graph = costs.graph();
  const Cluster& cluster = costs.cluster();
  PLACER_CHECK(memory_limit.empty() || memory_limit.size() == num_devices, "a limit per device");
  add_values(graph);
  add_edges(graph);
  add_costs(costs);
  add_links(cluster);
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    const Device& device = cluster.device(id_at<DeviceId>(d));
    domain_limit.push_back(memory_limit.empty() ? device.memory.count : memory_limit[d].count);
    const auto pools = static_cast<std::uint32_t>(cluster.pools().size());
    pool_domain.push_back(num_devices + device.pool.value_or(pools));
  }
  pool_peers.assign(num_devices, 0);
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    for (std::uint32_t other = 0; other < num_devices; ++other) {
      const bool shares = other != d && cluster.devices()[d].pool.has_value() &&
                          pool_domain[d] == pool_domain[other];
      if (shares) pool_peers[d] |= std::uint64_t{1} << other;
    }
  }
  for (const MemoryPool& pool : cluster.pools()) {
    domain_limit.push_back(pool.memory.count);
  }
  check_times(costs);
  rank_by_priority(default_priority(costs), default_rank, default_order);
}

// Values in order of their producer and output, the signal last; first_edge holds counts for now.
void CompiledGraph::add_values(const Graph& graph) {
  first_value.assign(1, 0);
  first_edge.assign(1, 0);
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    const NodeId id = id_at<NodeId>(n);
    const Node& node = graph.node(id);
    std::vector<std::uint32_t> readers(node.outputs.size(), 0);
    std::uint32_t waiters = 0;
    for (const Use& use : graph.uses(id)) {
      ++(use.output == Use::kControl ? waiters : readers[use.output]);
    }
    start_bytes.push_back(node.workspace.count);
    end_bytes.push_back(node.workspace.count);
    if (node.resident.count > 0) residents.emplace_back(n, node.resident.count);
    const auto add = [&](std::uint32_t which, std::int64_t size, std::uint32_t alias,
                         std::uint32_t edges, double stated) {
      producer.push_back(n);
      output.push_back(which);
      bytes.push_back(size);
      stated_us.push_back(stated);
      alias_edge.push_back(alias);
      first_edge.push_back(first_edge.back() + edges);
    };
    for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
      const TensorSpec& tensor = node.outputs[k];
      const std::int64_t own = tensor.alias_of ? 0 : tensor.bytes.count;
      start_bytes.back() += own;
      if (readers[k] == 0) {
        end_bytes.back() += own;
      } else {
        // Of an alias, add_edges() turns the number of the input into its edge.
        add(k, tensor.bytes.count, tensor.alias_of.value_or(kOwnStorage), readers[k],
            tensor.transfer_us.value_or(-1));
      }
    }
    if (waiters > 0) {
      add(Use::kControl, 0, kSignal, waiters, -1);
    }
    PLACER_CHECK(producer.size() < kSignal, "too many tensors");
    first_value.push_back(static_cast<std::uint32_t>(producer.size()));
  }
  num_values = first_value.back();
  num_edges = first_edge.back();
}

void CompiledGraph::add_edges(const Graph& graph) {
  reader.resize(num_edges);
  num_inputs.assign(num_nodes, 0);
  std::vector<std::vector<std::uint32_t>> reads(num_nodes);
  for (std::uint32_t v = 0; v < num_values; ++v) {
    std::uint32_t edge = first_edge[v];
    for (const Use& use : graph.uses(id_at<NodeId>(producer[v]))) {
      if (use.output != output[v]) continue;
      const auto consumer = static_cast<std::uint32_t>(use.consumer);
      reader[edge] = consumer;
      ++num_inputs[consumer];
      if (alias_edge[v] != kSignal) reads[consumer].push_back(edge);
      ++edge;
    }
  }
  first_read.assign(1, 0);
  for (const auto& of_node : reads) {
    read_edge.insert(read_edge.end(), of_node.begin(), of_node.end());
    first_read.push_back(static_cast<std::uint32_t>(read_edge.size()));
  }
  for (std::uint32_t v = 0; v < num_values; ++v) {
    if (alias_edge[v] >= kSignal) continue;
    const TensorRef base = graph.nodes()[producer[v]].inputs[alias_edge[v]];
    for (const std::uint32_t edge : reads[producer[v]]) {
      const auto value = static_cast<std::uint32_t>(std::ranges::upper_bound(first_edge, edge) -
                                                    first_edge.begin() - 1);
      if (producer[value] == index(base.node) && output[value] == base.output) {
        alias_edge[v] = edge;
        break;
      }
    }
  }
}

void CompiledGraph::add_costs(const CostModel& costs) {
  cost.resize(std::size_t{num_devices} * num_nodes);
  for (std::uint32_t n = 0; n < num_nodes; ++n) {
    const NodeId id = id_at<NodeId>(n);
    const NodeKind kind = costs.graph().node(id).kind;
    node_class.push_back(kind == NodeKind::kOp       ? NodeClass::kOp
                         : kind == NodeKind::kOutput ? NodeClass::kKeep
                                                     : NodeClass::kSource);
    if (node_class.back() == NodeClass::kSource) sources.push_back(n);
    supported.push_back(costs.supported(id));
    for (std::uint32_t d = 0; d < num_devices; ++d) {
      if ((supported.back() >> d & 1) != 0) {
        const SimTime alone = costs.op_time(id, id_at<DeviceId>(d));
        const SimTime busy = costs.busy_time(id, id_at<DeviceId>(d));
        cost[std::size_t{d} * num_nodes + n] = {alone.ps, (busy - alone).ps};
      }
    }
  }
}

void CompiledGraph::add_links(const Cluster& cluster) {
  links.resize(std::size_t{num_devices} * num_devices);
  copying_peers.assign(num_devices, 0);
  // Pairs of a link that is not shared hold bus 0, which is never busy.
  std::vector<std::uint32_t> bus_of(cluster.links().size(), 0);
  for (std::size_t i = 0; i < bus_of.size(); ++i) {
    if (cluster.links()[i].shared) bus_of[i] = ++num_buses;
  }
  ++num_buses;
  for (std::uint32_t from = 0; from < num_devices; ++from) {
    for (std::uint32_t to = 0; to < num_devices; ++to) {
      if (from == to) continue;
      const LinkId id = cluster.link_between(id_at<DeviceId>(from), id_at<DeviceId>(to));
      const Link& link = cluster.link(id);
      links[std::size_t{from} * num_devices + to] = {link.latency.ps,
                                                     link.bytes_per_second.value_or(0),
                                                     link.transfer_scale, bus_of[index(id)]};
      if (link.bytes_per_second) copying_peers[from] |= std::uint64_t{1} << to;
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
    total += static_cast<double>(slowest);
  }
  const double all_bytes = std::accumulate(
      bytes.begin(), bytes.end(), 0.0,
      [](double sum, std::int64_t size) { return sum + static_cast<double>(size); });
  for (const Link& link : costs.cluster().links()) {
    const auto pairs = static_cast<double>(link.pairs.size());
    total += pairs * static_cast<double>(link.latency.ps) * num_values;
    if (link.bytes_per_second) total += pairs * all_bytes / *link.bytes_per_second * 1e12;
    for (const double stated : stated_us) {
      total += pairs * std::max(stated, 0.0) * link.transfer_scale * 1e6;
    }
  }
  if (total > static_cast<double>(std::int64_t{1} << 62)) {
    throw usage_error("graph \"" + costs.graph().info().name + "\" on cluster \"" +
                      costs.cluster().name() +
                      "\": op times and transfers together exceed 53 days, which the simulator "
                      "cannot count");
  }
}

void rank_by_priority(std::span<const std::int64_t> priority, std::vector<std::uint32_t>& rank,
                      std::vector<std::uint32_t>& order) {
  order.resize(priority.size());
  rank.resize(priority.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return priority[a] != priority[b] ? priority[a] > priority[b] : a < b;
  });
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    rank[order[i]] = i;
  }
}

}  // namespace placer::sim
