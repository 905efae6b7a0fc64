#include "placer/group/acyclic_clustering.h"

#include <numeric>

#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer {
namespace {

const auto kAnything = [](std::uint32_t, std::uint32_t) { return true; };

WeightedDag random_dag(std::uint64_t seed, std::size_t nodes, std::size_t most_edges) {
  Rng rng(seed);
  WeightedDag dag;
  dag.first.push_back(0);
  for (std::uint32_t v = 0; v < nodes; ++v) {
    dag.node_weight.push_back(static_cast<std::int64_t>(rng.below(100)));
    for (std::uint64_t k = v + 1 < nodes ? rng.below(most_edges + 1) : 0; k > 0; --k) {
      const std::uint64_t reach =
          rng.below(2) == 0 ? std::min<std::uint64_t>(nodes - v - 1, 8) : nodes - v - 1;
      dag.successor.push_back(v + 1 + static_cast<std::uint32_t>(rng.below(reach)));
      dag.edge_weight.push_back(static_cast<std::int64_t>(rng.below(100)));
    }
    dag.first.push_back(static_cast<std::uint32_t>(dag.successor.size()));
  }
  return dag;
}

WeightedDag chain(std::size_t nodes) {
  WeightedDag dag;
  dag.first.push_back(0);
  for (std::uint32_t v = 0; v < nodes; ++v) {
    dag.node_weight.push_back(1);
    if (v + 1 < nodes) {
      dag.successor.push_back(v + 1);
      dag.edge_weight.push_back(v % 2 == 0 ? 10 : 1);
    }
    dag.first.push_back(static_cast<std::uint32_t>(dag.successor.size()));
  }
  return dag;
}

// Numbers in a topological order of the clusters: edges never lead down, so there is no cycle.
void expect_acyclic(const WeightedDag& dag, const Clustering& clustering) {
  for (std::uint32_t v = 0; v < dag.size(); ++v) {
    for (std::uint32_t e = dag.first[v]; e < dag.first[v + 1]; ++e) {
      ASSERT_LE(clustering.cluster_of[v], clustering.cluster_of[dag.successor[e]]);
    }
  }
}

TEST(AcyclicClustering, NeverMakesACycle) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const WeightedDag dag = random_dag(seed, 2 + seed % 70, 1 + seed % 4);
    expect_acyclic(dag, cluster_acyclic(dag, 1'000'000, seed, kAnything));
  }
}

TEST(AcyclicClustering, NumbersEveryClusterOnce) {
  const WeightedDag dag = random_dag(3, 200, 3);
  const Clustering clustering = cluster_acyclic(dag, 1'000'000, 1, kAnything);
  std::vector<bool> used(clustering.size, false);
  for (const std::uint32_t c : clustering.cluster_of) {
    ASSERT_LT(c, clustering.size);
    used[c] = true;
  }
  EXPECT_EQ(std::count(used.begin(), used.end(), true), clustering.size);
  EXPECT_LT(clustering.size, dag.size() * 2 / 3);
}

TEST(AcyclicClustering, MergesHeavyEdgesFirst) {
  const Clustering clustering = cluster_acyclic(chain(6), 2, 1, kAnything);
  EXPECT_EQ(clustering.cluster_of, (std::vector<std::uint32_t>{0, 0, 1, 1, 2, 2}));
}

TEST(AcyclicClustering, KeepsToTheGreatestWeight) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const WeightedDag dag = random_dag(seed, 100, 3);
    const Clustering clustering = cluster_acyclic(dag, 150, seed, kAnything);
    std::vector<std::int64_t> weight(clustering.size, 0);
    for (std::uint32_t v = 0; v < dag.size(); ++v) {
      weight[clustering.cluster_of[v]] += dag.node_weight[v];
    }
    EXPECT_LE(*std::max_element(weight.begin(), weight.end()), 150);
  }
}

TEST(AcyclicClustering, MergesOnlyWhatMay) {
  const WeightedDag dag = random_dag(5, 100, 3);
  const Clustering clustering = cluster_acyclic(
      dag, 1'000'000, 1, [](std::uint32_t a, std::uint32_t b) { return a % 2 == b % 2; });
  std::vector<int> parity(clustering.size, -1);
  for (std::uint32_t v = 0; v < dag.size(); ++v) {
    int& known = parity[clustering.cluster_of[v]];
    EXPECT_TRUE(known == -1 || known == static_cast<int>(v % 2));
    known = static_cast<int>(v % 2);
  }
  EXPECT_LT(clustering.size, dag.size());
}

// A node without inputs is as near to a late reader as to an early one.
TEST(AcyclicClustering, SourcesJoinTheirReader) {
  WeightedDag dag = chain(8);  // and node 0 of another graph that only node 7 + 1 reads
  for (std::uint32_t& to : dag.successor) ++to;
  dag.node_weight.push_back(1);
  dag.successor.insert(dag.successor.begin(), 8);
  dag.edge_weight.insert(dag.edge_weight.begin(), 1000);
  for (std::uint32_t& first : dag.first) ++first;
  dag.first.insert(dag.first.begin(), 0);
  const Clustering clustering = cluster_acyclic(dag, 2, 1, kAnything);
  EXPECT_EQ(clustering.cluster_of[0], clustering.cluster_of[8]);
}

TEST(AcyclicClustering, NothingToMerge) {
  EXPECT_EQ(cluster_acyclic(chain(0), 1, 1, kAnything).size, 0U);
  EXPECT_EQ(cluster_acyclic(chain(1), 1, 1, kAnything).size, 1U);
}

}  // namespace
}  // namespace placer
