#include "placer/algorithm/exact.h"

namespace placer {

void register_exact(AlgorithmRegistry& registry) {
  registry.add(
      {"dp", "best contiguous split for max-load (dynamic programming over ideals)", false, dp});
  registry.add({"dpl", "best split of two topological orders for max-load", false, dpl});
  registry.add(
      {"pipedream", "PipeDream's pipeline planner, without replication", false, pipedream});
  registry.add(
      {"branch-and-bound", "the optimum of a small graph, with its proof", true, branch_and_bound});
}

}  // namespace placer
