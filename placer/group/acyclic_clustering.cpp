#include "placer/group/acyclic_clustering.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "placer/base/error.h"
#include "placer/base/min_heap.h"
#include "placer/base/random.h"

namespace placer {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// The same edges by their target.
struct Incoming {
  explicit Incoming(const WeightedDag& dag)
      : first(dag.size() + 1, 0), source(dag.successor.size()), weight(dag.successor.size()) {
    for (const std::uint32_t to : dag.successor) ++first[to + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (std::uint32_t v = 0; v < dag.size(); ++v) {
      for (std::uint32_t e = dag.first[v]; e < dag.first[v + 1]; ++e) {
        const std::uint32_t at = next[dag.successor[e]]++;
        source[at] = v;
        weight[at] = dag.edge_weight[e];
      }
    }
  }

  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> source;
  std::vector<std::int64_t> weight;
};

class Clusterer {
 public:
  Clusterer(const WeightedDag& dag, std::int64_t max_weight,
            const std::function<bool(std::uint32_t, std::uint32_t)>& may_merge)
      : dag_(dag),
        incoming_(dag),
        max_weight_(max_weight),
        may_merge_(may_merge),
        level_(dag.size(), 0),
        leader_(dag.size()),
        next_(dag.size(), kNone),
        weight_(dag.node_weight),
        base_(dag.size()),
        spans_(dag.size(), false) {
    for (std::uint32_t v = 0; v < dag.size(); ++v) {
      for (std::uint32_t e = dag.first[v]; e < dag.first[v + 1]; ++e) {
        level_[dag.successor[e]] = std::max(level_[dag.successor[e]], level_[v] + 1);
      }
    }
    lift_sources();
    std::iota(leader_.begin(), leader_.end(), 0);
    base_ = level_;
  }

  Clustering run(std::uint64_t seed) {
    std::vector<std::uint32_t> order(dag_.size());
    std::iota(order.begin(), order.end(), 0);
    Rng(seed).shuffle(std::span(order));
    for (const std::uint32_t v : order) {
      if (leader_[v] == v && next_[v] == kNone) join_best(v);
    }
    return numbered();
  }

 private:
  // Nodes that wait for nothing go just below the first that waits for them: state and constants
  // would else be out of reach of their readers.
  void lift_sources() {
    for (std::uint32_t v = 0; v < dag_.size(); ++v) {
      const auto readers =
          std::span(dag_.successor).subspan(dag_.first[v], dag_.first[v + 1] - dag_.first[v]);
      if (level_[v] != 0 || readers.empty()) continue;
      std::uint32_t lowest = kNone;
      for (const std::uint32_t reader : readers) lowest = std::min(lowest, level_[reader]);
      level_[v] = lowest - 1;
    }
  }

  // Merges the single node `v` with the cluster that it gains most with.
  void join_best(std::uint32_t v) {
    candidates_.clear();
    for (std::uint32_t e = dag_.first[v]; e < dag_.first[v + 1]; ++e) {
      consider(v, dag_.successor[e], dag_.edge_weight[e]);
    }
    for (std::uint32_t e = incoming_.first[v]; e < incoming_.first[v + 1]; ++e) {
      consider(v, incoming_.source[e], incoming_.weight[e]);
    }
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return a.rating != b.rating ? a.rating > b.rating : a.cluster < b.cluster;
    });
    for (const Candidate& candidate : candidates_) {
      if (keeps_acyclic(v, candidate.cluster) && may_merge_(v, candidate.cluster)) {
        merge(v, candidate.cluster);
        return;
      }
    }
  }

  void consider(std::uint32_t v, std::uint32_t neighbour, std::int64_t edge) {
    const std::uint32_t cluster = leader_[neighbour];
    const std::uint32_t low = std::min(level_[v], base_[cluster]);
    const std::uint32_t high = std::max(level_[v], base_[cluster] + (spans_[cluster] ? 1 : 0));
    const std::int64_t weight = weight_[v] + weight_[cluster];
    if (high > low + 1 || weight > max_weight_) return;
    const double rating = static_cast<double>(edge + 1) / static_cast<double>(weight + 1);
    for (Candidate& known : candidates_) {
      if (known.cluster == cluster) {
        known.rating += rating;
        return;
      }
    }
    candidates_.push_back({cluster, rating});
  }

  // Whether every edge between clusters over the two levels of the merged one would still lead to a
  // higher number. A cluster's number is that of its leader.
  [[nodiscard]] bool keeps_acyclic(std::uint32_t v, std::uint32_t cluster) const {
    const std::uint32_t base = std::min(level_[v], base_[cluster]);
    if (!spans_[cluster] && level_[v] == base_[cluster]) return true;
    if (!edges_go_up(v, cluster, base)) return false;
    if (spans_[cluster]) return true;
    for (std::uint32_t u = cluster; u != kNone; u = next_[u]) {
      if (!edges_go_up(u, cluster, base)) return false;
    }
    return true;
  }

  // Of a node that would be in `cluster`, over the levels `base` and `base` + 1.
  [[nodiscard]] bool edges_go_up(std::uint32_t u, std::uint32_t cluster, std::uint32_t base) const {
    const auto spanning = [&](std::uint32_t other) {
      return other != cluster && spans_[other] && base_[other] == base;
    };
    if (level_[u] == base) {
      for (std::uint32_t e = dag_.first[u]; e < dag_.first[u + 1]; ++e) {
        const std::uint32_t other = leader_[dag_.successor[e]];
        if (spanning(other) && other < cluster) return false;
      }
      return true;
    }
    for (std::uint32_t e = incoming_.first[u]; e < incoming_.first[u + 1]; ++e) {
      const std::uint32_t other = leader_[incoming_.source[e]];
      if (spanning(other) && other > cluster) return false;
    }
    return true;
  }

  void merge(std::uint32_t v, std::uint32_t cluster) {
    spans_[cluster] = spans_[cluster] || level_[v] != base_[cluster];
    base_[cluster] = std::min(base_[cluster], level_[v]);
    weight_[cluster] += weight_[v];
    leader_[v] = cluster;
    next_[v] = next_[cluster];
    next_[cluster] = v;
  }

  // Numbers the clusters by Kahn's algorithm, lowest leader first among those that are ready.
  [[nodiscard]] Clustering numbered() const {
    std::vector<std::uint32_t> waiting(dag_.size(), 0);
    const auto for_each_edge = [&](std::uint32_t cluster, auto visit) {
      for (std::uint32_t u = cluster; u != kNone; u = next_[u]) {
        for (std::uint32_t e = dag_.first[u]; e < dag_.first[u + 1]; ++e) {
          if (leader_[dag_.successor[e]] != cluster) visit(leader_[dag_.successor[e]]);
        }
      }
    };
    for (std::uint32_t v = 0; v < dag_.size(); ++v) {
      if (leader_[v] == v) for_each_edge(v, [&](std::uint32_t to) { ++waiting[to]; });
    }
    MinHeap<std::uint32_t> ready;
    for (std::uint32_t v = 0; v < dag_.size(); ++v) {
      if (leader_[v] == v && waiting[v] == 0) ready.push(v);
    }
    Clustering result{std::vector<std::uint32_t>(dag_.size()), 0};
    while (!ready.empty()) {
      const std::uint32_t cluster = take_least(ready);
      for (std::uint32_t u = cluster; u != kNone; u = next_[u]) {
        result.cluster_of[u] = static_cast<std::uint32_t>(result.size);
      }
      ++result.size;
      for_each_edge(cluster, [&](std::uint32_t to) {
        if (--waiting[to] == 0) ready.push(to);
      });
    }
    const auto clusters = [&] {
      std::size_t count = 0;
      for (std::uint32_t v = 0; v < dag_.size(); ++v) count += leader_[v] == v ? 1 : 0;
      return count;
    };
    PLACER_CHECK(result.size == clusters(), "clusters without a cycle");
    return result;
  }

  struct Candidate {
    std::uint32_t cluster = 0;
    double rating = 0;
  };

  const WeightedDag& dag_;
  Incoming incoming_;
  std::int64_t max_weight_;
  const std::function<bool(std::uint32_t, std::uint32_t)>& may_merge_;
  std::vector<std::uint32_t> level_;   // [nodes]
  std::vector<std::uint32_t> leader_;  // [nodes]: a cluster is named by its first node
  std::vector<std::uint32_t> next_;    // [nodes]: list of the cluster's nodes from its leader on
  std::vector<std::int64_t> weight_;   // [leaders]
  std::vector<std::uint32_t> base_;    // [leaders]: the lower of its levels
  std::vector<bool> spans_;            // [leaders]: it has nodes of the level above too
  std::vector<Candidate> candidates_;
};

}  // namespace

Clustering cluster_acyclic(const WeightedDag& dag, std::int64_t max_weight, std::uint64_t seed,
                           const std::function<bool(std::uint32_t, std::uint32_t)>& may_merge) {
  return Clusterer(dag, max_weight, may_merge).run(seed);
}

}  // namespace placer
