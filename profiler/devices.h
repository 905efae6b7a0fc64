#pragma once

// What is in this machine, measured.

#include <functional>
#include <string>
#include <vector>

#include "placer/base/progress.h"
#include "placer/cluster/cluster.h"

namespace placer::profile {

struct MachineFacts {
  std::string cpu_model;
  std::vector<int> cores;              // processors that this process may run on, ascending
  int numa_nodes = 0;
  std::vector<std::string> caches;     // "L2 1 MiB per core", ...
  Bytes memory;                        // of the machine
  Bytes memory_available;              // to this process (cgroup limit counted in)
  std::string library;                 // "libtorch 2.11.0"
};
[[nodiscard]] MachineFacts machine_facts();
[[nodiscard]] bool has_core(const MachineFacts& facts, int core);
// One line that names the machine in profiles: "AMD EPYC 9B45, 2 cores".
[[nodiscard]] std::string machine_name(const MachineFacts& facts);

// A device "cpu:N" per core this process may use, hand-off links with their measured latency, overhead per op measured.
[[nodiscard]] Cluster discover_cores(const MachineFacts& facts, const ProgressSink& progress);
// The one device "cpu": every op on all cores, as an ordinary program runs today.
[[nodiscard]] Cluster all_cores(const MachineFacts& facts);

}  // namespace placer::profile
