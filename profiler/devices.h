#pragma once

// What is in this machine, measured.

#include <string>
#include <vector>

#include "placer/cluster/cluster.h"

namespace placer::profile {

struct MachineFacts {
  std::string cpu_model;
  std::vector<int> cores;  // processors that this process may run on, ascending
  int numa_nodes = 0;
  std::vector<std::string> caches;  // "L2 1 MiB per core", ...
  Bytes memory;                     // of the machine
  Bytes memory_available;           // to this process (cgroup limit counted in)
  std::string library;              // "libtorch 2.11.0"
};
// Processors that this thread may run on, ascending.
[[nodiscard]] std::vector<int> allowed_cores();
// "libtorch 2.11.0".
[[nodiscard]] std::string library_name();
[[nodiscard]] MachineFacts machine_facts();
// Why steps cannot run on a device here: not of this machine, or of a kind that this build does not
// know. Empty: they can. Asked of a GPU it loads the plugin, so it comes before other use of LibTorch.
[[nodiscard]] std::string cannot_run_on(const Device& device);
// One line that names the machine in profiles: "AMD EPYC 9B45, 2 cores".
[[nodiscard]] std::string machine_name(const MachineFacts& facts);

// How the cores of a machine pass tensors to one another: no copy, only a notice and cold caches.
struct HandOffFacts {
  double latency_seconds = 0;  // from an op's end on one core to the start of its reader on another
  double overhead_seconds = 0;  // of the executor, per op on one core, beyond the op's own time
  double read_bytes_per_second = 0;  // one core streaming what another has just written
};
// Runs chains of small ops on one and on two cores. Cores 0 and 1 of the list stand for all pairs.
[[nodiscard]] HandOffFacts measure_hand_off(const MachineFacts& facts);

// A device "cpu:N" per core that this process may use, of the first `most` of them; one pool of
// memory, hand-off links.
[[nodiscard]] Cluster cores_cluster(const MachineFacts& facts, const HandOffFacts& hand_off,
                                    std::size_t most = kMaxDevices);
// The one device "cpu": every op on all cores, as an ordinary program runs today.
[[nodiscard]] Cluster all_cores(const MachineFacts& facts);

}  // namespace placer::profile
