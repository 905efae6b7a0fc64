#pragma once

// A random workload, cluster, placement and model: what properties are tested on.

#include <cstdint>

#include "placer/cost/cost_model.h"
#include "placer/placement/placement.h"
#include "simulator/model.h"

namespace placer::sim::test {

// A placement that ignores colocation: the simulator has an answer for it too.
[[nodiscard]] Placement scattered(std::uint64_t seed, const Graph& graph, const Cluster& cluster);

// Every switch by itself, the default of each in half of the cases.
[[nodiscard]] Model random_model(std::uint64_t seed);

struct Case {
  Case(std::uint64_t seed, std::size_t nodes);

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Placement placement;
};

}  // namespace placer::sim::test
