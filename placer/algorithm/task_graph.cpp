#include "placer/algorithm/task_graph.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "placer/base/disjoint_sets.h"
#include "placer/group/grouping.h"

namespace placer {
namespace {

class Builder {
 public:
  explicit Builder(const Problem& problem)
      : problem_(problem), costs_(problem.costs), graph_(costs_.graph()) {
    out_.num_tasks = static_cast<std::uint32_t>(graph_.size());
    out_.num_devices = static_cast<std::uint32_t>(costs_.cluster().size());
  }

  TaskGraph run();

 private:
  void add_links();
  void add_units();
  void add_times();
  void add_values(NodeId id);
  void end_value(NodeId id, const TensorSpec* tensor);

  const Problem& problem_;
  const CostModel& costs_;
  const Graph& graph_;
  TaskGraph out_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> class_pairs_;  // a pair of each link class
};

void Builder::add_links() {
  const Cluster& cluster = costs_.cluster();
  const std::size_t devices = cluster.size();
  out_.link_class.assign(devices * devices, TaskGraph::kHandOff);
  out_.latency.assign(devices * devices, 0);
  out_.bus.assign(devices * devices, 0);
  std::vector<std::pair<double, double>> speeds;
  for (const Link& link : cluster.links()) {
    const std::uint32_t bus = link.shared && link.bytes_per_second ? out_.num_buses++ : 0;
    for (const auto& [from, to] : link.pairs) {
      const std::size_t at = index(from) * devices + index(to);
      out_.latency[at] = link.latency.ps;
      out_.bus[at] = bus;
      if (!link.bytes_per_second) continue;
      const std::pair speed(*link.bytes_per_second, link.transfer_scale);
      const auto known = std::find(speeds.begin(), speeds.end(), speed);
      out_.link_class[at] = static_cast<std::uint16_t>(known - speeds.begin());
      if (known == speeds.end()) {
        speeds.push_back(speed);
        class_pairs_.emplace_back(index(from), index(to));
      }
    }
  }
  out_.num_classes = static_cast<std::uint32_t>(speeds.size());
}

void Builder::add_units() {
  const Constraints& constraints = problem_.constraints;
  out_.unit_of = constraints.unit_of;
  out_.allowed.assign(constraints.num_units, 0);
  out_.persistent.assign(constraints.num_units, 0);
  out_.bytes.assign(constraints.num_units, 0);
  for (const Bytes limit : constraints.memory_limit) out_.limit.push_back(limit.count);
  std::vector<Bytes> inside(graph_.size());
  if (problem_.grouping != nullptr) {
    inside = persistent_bytes(*problem_.fine_graph, *problem_.grouping);
  }
  for (std::size_t v = 0; v < graph_.size(); ++v) {
    const Node& node = graph_.nodes()[v];
    const std::uint32_t unit = constraints.unit_of[v];
    out_.allowed[unit] = constraints.allowed[v];
    std::int64_t kept = inside[v].count + node.resident.count;
    std::int64_t made = 0;
    for (const TensorSpec& output : node.outputs) {
      const std::int64_t own = output.alias_of ? 0 : output.bytes.count;
      (node.kind == NodeKind::kOp ? made : kept) += own;
    }
    out_.persistent[unit] += kept;
    out_.bytes[unit] += kept + made;
  }
}

void Builder::add_times() {
  out_.time.assign(std::size_t{out_.num_tasks} * out_.num_devices, 0);
  for (std::uint32_t v = 0; v < out_.num_tasks; ++v) {
    const auto id = id_at<NodeId>(v);
    out_.takes_device.push_back(graph_.node(id).kind == NodeKind::kOp);
    const std::uint64_t allowed = problem_.constraints.allowed[v];
    for (std::uint64_t left = allowed; left != 0; left &= left - 1) {
      const auto d = static_cast<std::uint32_t>(std::countr_zero(left));
      out_.time[std::size_t{v} * out_.num_devices + d] = costs_.op_time(id, id_at<DeviceId>(d)).ps;
    }
    out_.mean_time.push_back(costs_.mean_time(id).ps);
  }
}

// Ends the value whose readers were just added; `tensor` is nullptr for a signal.
void Builder::end_value(NodeId id, const TensorSpec* tensor) {
  if (out_.reader.size() == out_.first_reader.back()) return;
  out_.producer.push_back(static_cast<std::uint32_t>(id));
  out_.first_reader.push_back(static_cast<std::uint32_t>(out_.reader.size()));
  for (const auto& [from, to] : class_pairs_) {
    out_.occupancy.push_back(
        tensor == nullptr
            ? -1
            : costs_.occupancy(*tensor, id_at<DeviceId>(from), id_at<DeviceId>(to)).ps);
  }
  out_.mean_transfer.push_back(tensor == nullptr ? costs_.mean_signal_time().ps
                                                 : costs_.mean_transfer_time(*tensor).ps);
}

void Builder::add_values(NodeId id) {
  const Node& node = graph_.node(id);
  const auto uses = graph_.uses(id);
  const auto add_readers = [&](std::uint32_t output) {
    for (const Use& use : uses) {
      if (use.output == output) out_.reader.push_back(static_cast<std::uint32_t>(use.consumer));
    }
  };
  for (std::uint32_t output = 0; output < node.outputs.size(); ++output) {
    add_readers(output);
    end_value(id, &node.outputs[output]);
  }
  add_readers(Use::kControl);
  end_value(id, nullptr);
  out_.first_value.push_back(static_cast<std::uint32_t>(out_.num_values()));
}

void index_inputs(TaskGraph& graph) {
  graph.first_input.assign(graph.num_tasks + 1, 0);
  for (const std::uint32_t reader : graph.reader) ++graph.first_input[reader + 1];
  std::partial_sum(graph.first_input.begin(), graph.first_input.end(), graph.first_input.begin());
  std::vector<std::uint32_t> next(graph.first_input.begin(), graph.first_input.end() - 1);
  graph.input.resize(graph.reader.size());
  for (std::uint32_t v = 0; v < graph.num_values(); ++v) {
    for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
      graph.input[next[graph.reader[r]]++] = v;
    }
  }
}

TaskGraph Builder::run() {
  add_links();
  add_units();
  add_times();
  out_.first_value.push_back(0);
  out_.first_reader.push_back(0);
  for (std::uint32_t v = 0; v < out_.num_tasks; ++v) add_values(id_at<NodeId>(v));
  index_inputs(out_);
  return std::move(out_);
}

// --- contraction ---

// The clusters of tasks, and units over clusters.
class Contraction {
 public:
  Contraction(const TaskGraph& fine, std::span<const std::uint32_t> cluster_of,
              std::size_t clusters)
      : fine_(fine), cluster_of_(cluster_of) {
    out_.num_tasks = static_cast<std::uint32_t>(clusters);
    out_.num_devices = fine.num_devices;
    out_.num_classes = fine.num_classes;
    out_.num_buses = fine.num_buses;
    out_.link_class = fine.link_class;
    out_.latency = fine.latency;
    out_.bus = fine.bus;
    out_.limit = fine.limit;
  }

  TaskGraph run() {
    sum_times();
    join_units();
    add_values();
    index_inputs(out_);
    return std::move(out_);
  }

 private:
  void sum_times() {
    out_.time.assign(std::size_t{out_.num_tasks} * out_.num_devices, 0);
    out_.mean_time.assign(out_.num_tasks, 0);
    out_.takes_device.assign(out_.num_tasks, false);
    for (std::uint32_t t = 0; t < fine_.num_tasks; ++t) {
      const std::uint32_t c = cluster_of_[t];
      for (std::uint32_t d = 0; d < out_.num_devices; ++d) {
        out_.time[std::size_t{c} * out_.num_devices + d] += fine_.time_on(t, d);
      }
      out_.mean_time[c] += fine_.mean_time[t];
      if (fine_.takes_device[t]) out_.takes_device[c] = true;
    }
  }

  // Units that share a cluster become one.
  void join_units() {
    constexpr std::uint32_t kNone = ~std::uint32_t{0};
    DisjointSets sets(fine_.num_units());
    std::vector<std::uint32_t> unit_of_cluster(out_.num_tasks, kNone);
    for (std::uint32_t t = 0; t < fine_.num_tasks; ++t) {
      std::uint32_t& known = unit_of_cluster[cluster_of_[t]];
      if (known == kNone) {
        known = fine_.unit_of[t];
      } else {
        sets.unite(known, fine_.unit_of[t]);
      }
    }
    std::vector<std::uint32_t> number(fine_.num_units(), kNone);
    for (std::uint32_t c = 0; c < out_.num_tasks; ++c) {
      std::uint32_t& of_root = number[sets.find(unit_of_cluster[c])];
      if (of_root == kNone) {
        of_root = static_cast<std::uint32_t>(out_.allowed.size());
        out_.allowed.push_back(~std::uint64_t{0});
      }
      out_.unit_of.push_back(of_root);
    }
    out_.persistent.assign(out_.num_units(), 0);
    out_.bytes.assign(out_.num_units(), 0);
    for (std::uint32_t u = 0; u < fine_.num_units(); ++u) {
      const std::uint32_t unit = number[sets.find(u)];
      out_.allowed[unit] &= fine_.allowed[u];
      out_.persistent[unit] += fine_.persistent[u];
      out_.bytes[unit] += fine_.bytes[u];
    }
  }

  void add_values();
  // Appends the value with its readers, or adds its times to one of its cluster with the same.
  void add_value(std::uint32_t cluster, std::uint32_t value,
                 const std::vector<std::uint32_t>& readers);

  const TaskGraph& fine_;
  std::span<const std::uint32_t> cluster_of_;
  TaskGraph out_;
};

void Contraction::add_values() {
  std::vector<std::uint32_t> first(out_.num_tasks + 1, 0);
  for (const std::uint32_t c : cluster_of_) ++first[c + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<std::uint32_t> member(fine_.num_tasks);
  std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
  for (std::uint32_t t = 0; t < fine_.num_tasks; ++t) member[next[cluster_of_[t]]++] = t;
  out_.first_value.push_back(0);
  out_.first_reader.push_back(0);
  std::vector<std::uint32_t> readers;
  for (std::uint32_t c = 0; c < out_.num_tasks; ++c) {
    for (std::uint32_t m = first[c]; m < first[c + 1]; ++m) {
      const std::uint32_t t = member[m];
      for (std::uint32_t v = fine_.first_value[t]; v < fine_.first_value[t + 1]; ++v) {
        readers.clear();
        for (std::uint32_t r = fine_.first_reader[v]; r < fine_.first_reader[v + 1]; ++r) {
          const std::uint32_t reader = cluster_of_[fine_.reader[r]];
          if (reader != c) readers.push_back(reader);
        }
        std::sort(readers.begin(), readers.end());
        readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
        if (!readers.empty()) add_value(c, v, readers);
      }
    }
    out_.first_value.push_back(static_cast<std::uint32_t>(out_.num_values()));
  }
}

void Contraction::add_value(std::uint32_t cluster, std::uint32_t value,
                            const std::vector<std::uint32_t>& readers) {
  constexpr std::uint32_t kMostCompared = 64;  // a cluster of many values is not searched through
  const auto begin = out_.first_value[cluster];
  const auto end = static_cast<std::uint32_t>(out_.num_values());
  std::uint32_t same = begin + kMostCompared < end ? end - kMostCompared : begin;
  while (same < end &&
         !std::ranges::equal(std::span(out_.reader)
                                 .subspan(out_.first_reader[same],
                                          out_.first_reader[same + 1] - out_.first_reader[same]),
                             readers)) {
    ++same;
  }
  if (same == end) {
    out_.producer.push_back(cluster);
    out_.reader.insert(out_.reader.end(), readers.begin(), readers.end());
    out_.first_reader.push_back(static_cast<std::uint32_t>(out_.reader.size()));
    out_.occupancy.resize(out_.occupancy.size() + out_.num_classes, -1);
    out_.mean_transfer.push_back(0);
  }
  for (std::uint32_t k = 0; k < out_.num_classes; ++k) {
    std::int64_t& sum = out_.occupancy[std::size_t{same} * out_.num_classes + k];
    const std::int64_t own = fine_.occupancy[std::size_t{value} * out_.num_classes + k];
    sum = sum < 0 || own < 0 ? std::max(sum, own) : sum + own;
  }
  out_.mean_transfer[same] += fine_.mean_transfer[value];
}

}  // namespace

TaskGraph make_task_graph(const Problem& problem) {
  return Builder(problem).run();
}

TaskGraph contract(const TaskGraph& fine, std::span<const std::uint32_t> cluster_of,
                   std::size_t clusters) {
  return Contraction(fine, cluster_of, clusters).run();
}

std::vector<std::int64_t> upward_ranks(const TaskGraph& graph) {
  std::vector<std::int64_t> rank(graph.num_tasks, 0);
  for (std::uint32_t t = graph.num_tasks; t-- > 0;) {
    std::int64_t longest = 0;
    for (std::uint32_t v = graph.first_value[t]; v < graph.first_value[t + 1]; ++v) {
      for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
        longest = std::max(longest, graph.mean_transfer[v] + rank[graph.reader[r]]);
      }
    }
    rank[t] = graph.mean_time[t] + longest;
  }
  return rank;
}

}  // namespace placer
