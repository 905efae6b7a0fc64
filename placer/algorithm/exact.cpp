#include "placer/algorithm/exact.h"

namespace placer {

void register_exact(AlgorithmRegistry& registry) {
  registry.add(
      {.name = "dp",
       .description = "best contiguous split for max-load (dynamic programming over ideals)",
       .make = dp,
       .small_graphs_only = true});
  registry.add({.name = "dpl",
                .description = "best split of two topological orders for max-load",
                .make = dpl,
                .small_graphs_only = true});
  registry.add({.name = "pipedream",
                .description = "PipeDream's pipeline planner, without replication",
                .make = pipedream,
                .small_graphs_only = true});
  registry.add({.name = "branch-and-bound",
                .description = "the optimum of a small graph, with its proof",
                .searches = true,
                .make = branch_and_bound,
                .small_graphs_only = true});
}

}  // namespace placer
