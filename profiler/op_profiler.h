#pragma once

// Time of every op on a kind of device (docs/profiling.md): identical ops are measured once, and kept for other graphs.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "placer/base/progress.h"
#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "profiler/executor.h"

namespace placer::profile {

struct ProfileOptions {
  int repeats = 15;                     // timed runs per distinct op, fixed and stored
  std::filesystem::path cache;          // file shared by graphs; empty: none
  std::uint64_t seed = 1;
  bool refresh = false;                 // measure again what the cache has
  std::stop_token stop;
  ProgressSink progress;
};

struct ProfileReport {
  KindTimes times;
  std::size_t distinct = 0;  // ops that differ in operator, arguments or shapes
  std::size_t cached = 0;    // of these, found in the cache
  double seconds = 0;
  double noise = 0;          // median over ops of (median - minimum) / minimum
};

// Runs every distinct op of the graph on one device of `kind` (all workers of that kind busy with the same op, as in a real step).
//   throws  Error(kUsage) listing ops that cannot be run; Error(kDevice)
[[nodiscard]] ProfileReport profile_ops(const Graph& graph, const Cluster& cluster, const std::string& kind,
                                        const ProfileOptions& options);

}  // namespace placer::profile
