#include "placer/algorithm/exact.h"

namespace placer {

void register_exact(AlgorithmRegistry& registry) {
  registry.add_for_small_graphs(
      {"dp", "best contiguous split for max-load (dynamic programming over ideals)", false, dp});
  registry.add_for_small_graphs(
      {"dpl", "best split of two topological orders for max-load", false, dpl});
  registry.add_for_small_graphs(
      {"pipedream", "PipeDream's pipeline planner, without replication", false, pipedream});
  registry.add_for_small_graphs(
      {"branch-and-bound", "the optimum of a small graph, with its proof", true, branch_and_bound});
}

}  // namespace placer
