#include "placer/algorithm/task_levels.h"

#include <algorithm>
#include <numeric>

#include "placer/group/acyclic_clustering.h"

namespace placer {
namespace {

// No cluster takes more than this share of what one device has to do at least.
constexpr std::int64_t kClustersPerDevice = 32;
constexpr double kLeastShrinking = 0.95;

WeightedDag weighted(const TaskGraph& graph) {
  WeightedDag dag;
  dag.node_weight = graph.mean_time;
  dag.first.reserve(graph.num_tasks + 1);
  dag.first.push_back(0);
  dag.successor.reserve(graph.reader.size());
  dag.edge_weight.reserve(graph.reader.size());
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    for (std::uint32_t v = graph.first_value[t]; v < graph.first_value[t + 1]; ++v) {
      for (std::uint32_t r = graph.first_reader[v]; r < graph.first_reader[v + 1]; ++r) {
        dag.successor.push_back(graph.reader[r]);
        dag.edge_weight.push_back(graph.mean_transfer[v]);
      }
    }
    dag.first.push_back(static_cast<std::uint32_t>(dag.successor.size()));
  }
  return dag;
}

// Units as they are tied together by clusters that hold tasks of several.
class TiedUnits {
 public:
  TiedUnits(const TaskGraph& graph, std::int64_t max_time)
      : allowed_(graph.allowed),
        time_(graph.num_units(), 0),
        root_(graph.num_units()),
        max_time_(max_time) {
    std::iota(root_.begin(), root_.end(), 0);
    for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
      time_[graph.unit_of[t]] += graph.mean_time[t];
    }
  }

  // Ties them unless no device were left to both, or both together were too much.
  bool tie(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    if (a == b) return true;
    if ((allowed_[a] & allowed_[b]) == 0 || time_[a] + time_[b] > max_time_) return false;
    if (a > b) std::swap(a, b);
    root_[b] = a;
    allowed_[a] &= allowed_[b];
    time_[a] += time_[b];
    return true;
  }

 private:
  std::uint32_t find(std::uint32_t u) {
    while (root_[u] != u) u = root_[u] = root_[root_[u]];
    return u;
  }

  std::vector<std::uint64_t> allowed_;
  std::vector<std::int64_t> time_;
  std::vector<std::uint32_t> root_;
  std::int64_t max_time_;
};

}  // namespace

std::deque<TaskLevel> coarsen(const TaskGraph& fine, const CoarseningOptions& options) {
  std::deque<TaskLevel> levels;
  const std::int64_t total =
      std::accumulate(fine.mean_time.begin(), fine.mean_time.end(), std::int64_t{0});
  const std::int64_t max_time = total / (kClustersPerDevice * fine.num_devices) + 1;
  std::vector<std::uint8_t> device(options.together.begin(), options.together.end());
  const TaskGraph* graph = &fine;
  while (graph->num_tasks > options.target) {
    TiedUnits units(*graph, max_time);
    const auto may_merge = [&](std::uint32_t a, std::uint32_t b) {
      if (!device.empty() && device[a] != device[b]) return false;
      return units.tie(graph->unit_of[a], graph->unit_of[b]);
    };
    Clustering clustering =
        cluster_acyclic(weighted(*graph), max_time, options.seed + levels.size(), may_merge);
    const auto enough = kLeastShrinking * static_cast<double>(graph->num_tasks);
    if (static_cast<double>(clustering.size) > enough) break;
    TaskGraph coarse = contract(*graph, clustering.cluster_of, clustering.size);
    levels.push_back({std::move(coarse), std::move(clustering.cluster_of)});
    if (!device.empty()) device = restrict_to(device, levels.back());
    graph = &levels.back().graph;
  }
  return levels;
}

std::vector<std::uint8_t> project(std::span<const std::uint8_t> coarse,
                                  std::span<const std::uint32_t> cluster_of) {
  std::vector<std::uint8_t> fine;
  fine.reserve(cluster_of.size());
  for (const std::uint32_t c : cluster_of) fine.push_back(coarse[c]);
  return fine;
}

std::vector<std::uint8_t> restrict_to(std::span<const std::uint8_t> fine, const TaskLevel& level) {
  std::vector<std::uint8_t> coarse(level.graph.num_tasks);
  for (std::size_t t = 0; t < fine.size(); ++t) coarse[level.cluster_of[t]] = fine[t];
  return coarse;
}

}  // namespace placer
