#include "placer/algorithm/partitioners.h"

namespace placer {

void register_partitioners(AlgorithmRegistry& registry) {
  registry.add({"metis", "balanced minimum cut (METIS)", false, metis, check_metis});
  registry.add({"scotch", "balanced minimum cut (Scotch)", false, scotch, check_scotch});
}

}  // namespace placer
