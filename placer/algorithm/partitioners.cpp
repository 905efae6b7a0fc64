#include "placer/algorithm/partitioners.h"

#include "placer/algorithm/parameters.h"

namespace placer {

double parse_imbalance(const std::string& algorithm, ParameterList given) {
  Parameters parameters(algorithm, given);
  const double imbalance = parameters.number("imbalance", 0.03, 0.001, 1.0);
  parameters.check();
  return imbalance;
}

void register_partitioners(AlgorithmRegistry& registry) {
  registry.add({"metis", "balanced minimum cut (METIS)", false, metis, check_metis});
  registry.add({"scotch", "balanced minimum cut (Scotch)", false, scotch, check_scotch});
}

}  // namespace placer
