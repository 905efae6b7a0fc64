#include "placer/algorithm/partition_graph.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace placer {
namespace {

constexpr double kMostWeight = 1 << 30;
constexpr double kLeastShare = 1e-4;  // partitioners take no part that weighs nothing

struct Edge {
  std::uint32_t a = 0;  // the lower unit
  std::uint32_t b = 0;
  std::size_t tensor = 0;
  std::int64_t time = 0;
};

// A tensor that several ops of a unit read is one edge.
std::vector<Edge> edges_between_units(const CostModel& costs, const Constraints& constraints) {
  const Graph& graph = costs.graph();
  std::vector<Edge> edges;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    const std::uint32_t from = constraints.unit_of[v];
    for (const Use& use : graph.uses(id)) {
      const std::uint32_t to = constraints.unit_of[index(use.consumer)];
      if (use.output == Use::kControl || from == to) {
        continue;
      }
      const TensorRef tensor{id, use.output};
      edges.push_back({std::min(from, to), std::max(from, to), graph.tensor_index(tensor),
                       costs.mean_transfer_time(graph.tensor(tensor)).ps});
    }
  }
  const auto key = [](const Edge& e) { return std::tie(e.a, e.b, e.tensor); };
  std::sort(edges.begin(), edges.end(),
            [&](const Edge& x, const Edge& y) { return key(x) < key(y); });
  edges.erase(std::unique(edges.begin(), edges.end(),
                          [&](const Edge& x, const Edge& y) { return key(x) == key(y); }),
              edges.end());
  std::vector<Edge> merged;
  for (const Edge& edge : edges) {
    if (!merged.empty() && merged.back().a == edge.a && merged.back().b == edge.b) {
      merged.back().time += edge.time;
    } else {
      merged.push_back(edge);
    }
  }
  return merged;
}

// Positive whole numbers in proportion to `values`, with a sum of at most kMostWeight / copies.
std::vector<std::int32_t> scaled(const std::vector<std::int64_t>& values, double copies) {
  double total = 0;
  for (const std::int64_t value : values) {
    total += static_cast<double>(value);
  }
  const double budget = kMostWeight / copies - static_cast<double>(values.size());
  const double factor = total > 0 ? budget / total : 0;
  std::vector<std::int32_t> result;
  result.reserve(values.size());
  for (const std::int64_t value : values) {
    result.push_back(1 + static_cast<std::int32_t>(static_cast<double>(value) * factor));
  }
  return result;
}

}  // namespace

PartitionGraph::PartitionGraph(const Problem& problem, const UnitTable& units) {
  const std::vector<Edge> edges = edges_between_units(problem.costs, problem.constraints);
  std::vector<std::int64_t> edge_times;
  first.assign(units.size() + 1, 0);
  for (const Edge& edge : edges) {
    edge_times.push_back(edge.time);
    ++first[edge.a + 1];
    ++first[edge.b + 1];
  }
  const std::vector<std::int32_t> weights = scaled(edge_times, 2);
  std::partial_sum(first.begin(), first.end(), first.begin());
  neighbours.resize(2 * edges.size());
  edge_weight.resize(2 * edges.size());
  std::vector<std::int32_t> fill(first.begin(), first.end() - 1);
  const auto add = [&](std::uint32_t at, std::uint32_t other, std::int32_t weight) {
    const auto slot = static_cast<std::size_t>(fill[at]++);
    neighbours[slot] = static_cast<std::int32_t>(other);
    edge_weight[slot] = weight;
  };
  // Edges come by (a, b): first the lower neighbours of every unit, then the higher ones.
  for (std::size_t e = 0; e < edges.size(); ++e) {
    add(edges[e].b, edges[e].a, weights[e]);
  }
  for (std::size_t e = 0; e < edges.size(); ++e) {
    add(edges[e].a, edges[e].b, weights[e]);
  }
  std::vector<std::int64_t> times;
  std::vector<std::int64_t> bytes;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    times.push_back(units.mean_time(unit).ps);
    bytes.push_back(units.bytes(unit).count);
  }
  time = scaled(times, 1);
  memory = scaled(bytes, 1);
}

std::vector<double> target_shares(const Problem& problem, const UnitTable& units) {
  const std::size_t num_devices = problem.costs.cluster().size();
  std::vector<double> least(num_devices, 0);  // of what it can run, on the fastest devices
  std::vector<double> own(num_devices, 0);    // of the same, on the device itself
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    SimTime fastest = kMaxSimTime;
    for (const DeviceId device : units.devices(unit)) {
      fastest = std::min(fastest, units.time(unit, device));
    }
    for (const DeviceId device : units.devices(unit)) {
      least[index(device)] += static_cast<double>(fastest.ps);
      own[index(device)] += static_cast<double>(units.time(unit, device).ps);
    }
  }
  std::vector<double> shares(num_devices, 0);
  for (std::size_t d = 0; d < num_devices; ++d) {
    shares[d] = own[d] > 0 ? least[d] * least[d] / own[d] : 0;
  }
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double sum = 0;
  for (double& share : shares) {
    share = total > 0 ? std::max(share / total, kLeastShare) : 1;
    sum += share;
  }
  for (double& share : shares) {
    share /= sum;
  }
  return shares;
}

std::int64_t cut_weight(const PartitionGraph& graph, std::span<const std::int32_t> part) {
  std::int64_t twice = 0;
  for (std::size_t unit = 0; unit < part.size(); ++unit) {
    for (auto i = static_cast<std::size_t>(graph.first[unit]);
         i < static_cast<std::size_t>(graph.first[unit + 1]); ++i) {
      if (part[static_cast<std::size_t>(graph.neighbours[i])] != part[unit]) {
        twice += graph.edge_weight[i];
      }
    }
  }
  return twice / 2;
}

namespace {

// What the parts exchange and who may run them.
class PartMapping {
 public:
  PartMapping(const Problem& problem, const UnitTable& units, const PartitionGraph& graph,
              std::span<const std::int32_t> part)
      : problem_(problem),
        count_(units.num_devices()),
        device_(count_),
        traffic_(count_ * count_, 0),
        barred_(count_ * count_, 0),
        link_(count_ * count_, 0) {
    std::iota(device_.begin(), device_.end(), std::size_t{0});
    for (std::size_t unit = 0; unit < part.size(); ++unit) {
      const auto p = static_cast<std::size_t>(part[unit]);
      for (std::size_t d = 0; d < count_; ++d) {
        barred_[p * count_ + d] += units.may_use(unit, id_at<DeviceId>(d)) ? 0 : 1;
      }
      for (auto i = static_cast<std::size_t>(graph.first[unit]);
           i < static_cast<std::size_t>(graph.first[unit + 1]); ++i) {
        const auto q =
            static_cast<std::size_t>(part[static_cast<std::size_t>(graph.neighbours[i])]);
        traffic_[p * count_ + q] += graph.edge_weight[i];
      }
    }
    weigh_links();
  }

  // Exchanges until none helps; every exchange lowers (barred units, transfers).
  std::vector<std::size_t> run() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t p = 0; p < count_; ++p) {
        for (std::size_t q = p + 1; q < count_; ++q) {
          changed = exchange(p, q) || changed;
        }
      }
    }
    return device_;
  }

 private:
  // By the time of the graph's mean tensor.
  void weigh_links() {
    const Graph& graph = problem_.costs.graph();
    TensorSpec mean;
    double bytes = 0;
    double stated = 0;
    double tensors = 1;
    for (const Node& node : graph.nodes()) {
      for (const TensorSpec& output : node.outputs) {
        bytes += static_cast<double>(output.bytes.count);
        stated += output.transfer_us.value_or(0);
        ++tensors;
      }
    }
    mean.bytes = Bytes{static_cast<std::int64_t>(bytes / tensors)};
    if (stated > 0) {
      mean.transfer_us = stated / tensors;
    }
    for (std::size_t d = 0; d < count_; ++d) {
      for (std::size_t e = 0; e < count_; ++e) {
        link_[d * count_ + e] =
            problem_.costs.transfer_time(mean, id_at<DeviceId>(d), id_at<DeviceId>(e))
                .microseconds();
      }
    }
  }

  [[nodiscard]] bool alike(std::size_t d, std::size_t e) const {
    const Cluster& cluster = problem_.costs.cluster();
    return cluster.device(id_at<DeviceId>(d)).kind == cluster.device(id_at<DeviceId>(e)).kind &&
           problem_.constraints.memory_limit[d] == problem_.constraints.memory_limit[e];
  }

  [[nodiscard]] std::pair<std::int64_t, double> cost_of(std::size_t p, std::size_t q) const {
    std::int64_t barred = barred_[p * count_ + device_[p]] + barred_[q * count_ + device_[q]];
    double transfers = 0;
    for (std::size_t r = 0; r < count_; ++r) {
      for (const std::size_t end : {p, q}) {
        transfers +=
            static_cast<double>(traffic_[end * count_ + r]) *
            (link_[device_[end] * count_ + device_[r]] + link_[device_[r] * count_ + device_[end]]);
      }
    }
    return {barred, transfers};
  }

  bool exchange(std::size_t p, std::size_t q) {
    if (!alike(device_[p], device_[q])) {
      return false;
    }
    const auto before = cost_of(p, q);
    std::swap(device_[p], device_[q]);
    const auto after = cost_of(p, q);
    const bool helps = after.first != before.first ? after.first < before.first
                                                   : after.second < before.second * (1 - 1e-9);
    if (!helps) {
      std::swap(device_[p], device_[q]);
    }
    return helps;
  }

  const Problem& problem_;
  std::size_t count_;
  std::vector<std::size_t> device_;    // [parts]
  std::vector<std::int64_t> traffic_;  // [parts x parts]: weight of edges between them
  std::vector<std::int64_t> barred_;   // [parts x devices]: units that may not be there
  std::vector<double> link_;           // [devices x devices]: microseconds of the mean tensor
};

}  // namespace

std::vector<DeviceId> map_parts(const Problem& problem, const UnitTable& units,
                                const PartitionGraph& graph, std::span<const std::int32_t> part) {
  const std::vector<std::size_t> device = PartMapping(problem, units, graph, part).run();
  std::vector<DeviceId> choice;
  for (const std::int32_t p : part) {
    choice.push_back(id_at<DeviceId>(device[static_cast<std::size_t>(p)]));
  }
  std::vector<std::int64_t> weight(units.num_devices());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    if (units.may_use(unit, choice[unit])) {
      continue;
    }
    std::fill(weight.begin(), weight.end(), 0);
    for (auto i = static_cast<std::size_t>(graph.first[unit]);
         i < static_cast<std::size_t>(graph.first[unit + 1]); ++i) {
      const DeviceId there = choice[static_cast<std::size_t>(graph.neighbours[i])];
      weight[index(there)] += graph.edge_weight[i];
    }
    const auto devices = units.devices(unit);
    choice[unit] = *std::max_element(devices.begin(), devices.end(), [&](DeviceId a, DeviceId b) {
      return weight[index(a)] < weight[index(b)];
    });
  }
  return choice;
}

}  // namespace placer
