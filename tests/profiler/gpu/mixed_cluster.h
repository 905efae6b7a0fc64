#pragma once

// Clusters of this machine's processors and of GPUs, as the fake driver has them or real ones.

#include <string>
#include <vector>

#include "placer/cluster/cluster.h"

namespace placer::testing {

// "cpu:0" ..., then "cuda:0" ... or parts of one, all of them linked by copies.
struct MixedCluster {
  std::size_t cpus = 1;
  std::vector<std::string> gpus = {"cuda:0", "cuda:1"};
  std::string model = "Fake 100";
};
[[nodiscard]] Cluster mixed_cluster(const MixedCluster& what);

}  // namespace placer::testing
