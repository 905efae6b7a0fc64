#pragma once

// One level of coarsening that keeps a directed graph acyclic, in time linear in its edges: for
// graphs that group_nodes, which weighs every merge, would take too long for.
//
// Clusters of nodes whose top levels (longest way from a source, in edges) differ by at most one
// are contracted, as in Herrmann, Ozkaya, Ucar, Kaya, Catalyurek: Multilevel algorithms for acyclic
// partitioning of directed acyclic graphs, SIAM J. Sci. Comput. 41(4), 2019, section 4.1. Between
// two clusters over the same two levels that paper allows no edge; here edges may lead from the
// cluster of the lower number to that of the higher, which excludes cycles as well.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace placer {

// Edges by their source; nodes in topological order (every edge leads to a higher number).
struct WeightedDag {
  std::vector<std::uint32_t> first;       // [nodes + 1]
  std::vector<std::uint32_t> successor;   // [edges]; may repeat
  std::vector<std::int64_t> edge_weight;  // [edges]: what a merge of its ends saves
  std::vector<std::int64_t> node_weight;  // [nodes]

  [[nodiscard]] std::size_t size() const { return node_weight.size(); }
};

struct Clustering {
  std::vector<std::uint32_t>
      cluster_of;  // [nodes]; numbered in a topological order of the clusters
  std::size_t size = 0;
};

// Visits the nodes in order of a shuffle by `seed`; each joins the cluster of the neighbour that
// it shares the greatest edge weight with by node weight, where no cycle arises and the cluster
// does not exceed `max_weight`.
//   may_merge  asked before each merge with a node of each; a merge follows at once
[[nodiscard]] Clustering cluster_acyclic(
    const WeightedDag& dag, std::int64_t max_weight, std::uint64_t seed,
    const std::function<bool(std::uint32_t, std::uint32_t)>& may_merge);

}  // namespace placer
