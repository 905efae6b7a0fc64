#pragma once

// Random but valid graphs, clusters and placements for property tests. The same seed gives the same
// value everywhere.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/placement/placement.h"

namespace placer::test {

struct RandomGraphOptions {
  std::size_t nodes = 40;                                // about: outputs are added
  std::vector<std::string> kinds = {"cpu-core", "gpu"};  // that have times; empty: no times
  double unsupported = 0.0;  // share of ops that the kinds after the first cannot run
  bool colocate = true;      // some nodes carry colocation keys
  bool views = true;         // some outputs share the storage of an input
  bool writes = true;        // some ops write in place
  // Every field is used, names and texts are odd: for what reads and writes files.
  bool rich = false;
};

// Inputs, states, constants, ops with 1 to 3 outputs and up to 3 inputs (mostly recent nodes),
// control edges, outputs; op times of 1 us to 2 ms, tensors of 4 B to 4 MiB.
[[nodiscard]] Workload random_workload(std::uint64_t seed, const RandomGraphOptions& options = {});

// `devices` devices with 64 MiB to 8 GiB each whose kinds are drawn from `kinds` (every kind once,
// if there are enough devices); links per pair or one bus; hand-offs where `hand_offs`, else copies
// of 1 to 50 GB/s.
struct RandomClusterOptions {
  std::size_t devices = 3;
  std::vector<std::string> kinds = {"cpu-core", "gpu"};
  bool hand_offs = true;
  bool pools = true;
};
[[nodiscard]] Cluster random_cluster(std::uint64_t seed, const RandomClusterOptions& options = {});

// Nodes of one colocation class share a device that supports all of them (where `times` say so).
// `priorities`: distinct random priorities, else none.
[[nodiscard]] Placement random_placement(std::uint64_t seed, const Workload& workload,
                                         const Cluster& cluster, bool priorities = false);

}  // namespace placer::test
