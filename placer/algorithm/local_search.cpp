#include "placer/algorithm/local_search.h"

namespace placer {

void register_local_search(AlgorithmRegistry& registry) {
  registry.add({.name = "hill-climb",
                .description = "moves and swaps of groups, with restarts",
                .searches = true,
                .make = hill_climb,
                .check_parameters = check_hill_climb,
                .small_graphs_only = true});
  registry.add({.name = "annealing",
                .description = "moves that may be worse while it is hot (simulated annealing)",
                .searches = true,
                .make = annealing,
                .check_parameters = check_annealing,
                .small_graphs_only = true});
  registry.add({.name = "tabu",
                .description = "the best of a sample of moves, worse or not (tabu search)",
                .searches = true,
                .make = tabu,
                .check_parameters = check_tabu,
                .small_graphs_only = true});
  registry.add({.name = "genetic",
                .description = "breeds placements from the best (biased random keys)",
                .searches = true,
                .make = genetic,
                .check_parameters = check_genetic,
                .small_graphs_only = true});
}

}  // namespace placer
