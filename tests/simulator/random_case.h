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
  // `launched_ahead`: some devices are, in some of the cases.
  Case(std::uint64_t seed, std::size_t nodes, bool launched_ahead = false);

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Placement placement;
};

}  // namespace placer::sim::test
