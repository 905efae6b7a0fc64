#include "placer/algorithm/local_search.h"

namespace placer {

void register_local_search(AlgorithmRegistry& registry) {
  registry.add_for_small_graphs({"hill-climb", "moves and swaps of groups, with restarts", true,
                                 hill_climb, check_hill_climb});
  registry.add_for_small_graphs({"annealing",
                                 "moves that may be worse while it is hot (simulated annealing)",
                                 true, annealing, check_annealing});
  registry.add_for_small_graphs({"tabu",
                                 "the best of a sample of moves, worse or not (tabu search)", true,
                                 tabu, check_tabu});
  registry.add_for_small_graphs({"genetic", "breeds placements from the best (biased random keys)",
                                 true, genetic, check_genetic});
}

}  // namespace placer
