#pragma once

// Time of every op on a kind of device (docs/profiling.md): identical ops are measured once, and
// kept for other graphs.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "placer/base/progress.h"
#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"

namespace placer::profile {

class GpuDriver;

struct ProfileOptions {
  int repeats = 15;             // samples of every distinct op, fixed and stored
  std::filesystem::path cache;  // file shared by graphs; empty: none
  std::uint64_t seed = 1;
  bool refresh = false;  // measure again what the cache has
  std::stop_token stop;  // ends after the pass at hand; samples so far are kept
  ProgressSink progress;
};

struct ProfileReport {
  KindTimes times;
  std::size_t distinct = 0;  // ops that differ in operator, arguments or layouts of their inputs
  std::size_t cached = 0;    // of these, found in the cache
  double seconds = 0;
  double noise = 0;           // median over ops of (median - minimum) / minimum, weighted by time
  double launch_seconds = 0;  // of the host, for an op on a GPU; 0: not of a GPU, or not measured
  double slow_down = 1;       // time of all ops with every core busy / with one alone
  bool stopped = false;
  bool busy = false;          // ops were timed with every core busy, too
  bool too_large = false;     // for a step on every core at once: ops were timed alone only
  std::string cache_problem;  // why the cache could not be written; empty: it was
};

// Runs the graph's ops in order, pass after pass, on one core alone, then on all cores of the kind
// at once (each a step of its own), so that every op meets inputs, layouts and caches as in a real
// step. A sample is the thread's CPU time of one op (wall time for devices that spread an op over
// several threads); each pass takes one sample of every distinct op, from its occurrences in turn.
// On a GPU a sample is the GPU's time of one op out of a batch that was launched ahead
// (profiler/torch/gpu_op_timer.h). Ops that write in place do so as often as they are run.
//   throws  Error(kUsage) listing ops that cannot be bound or that fail; Error(kDevice) when the
//           cluster has no device of `kind`, or one of its GPUs is not here
[[nodiscard]] ProfileReport profile_ops(const Graph& graph, const Cluster& cluster,
                                        const std::string& kind, const ProfileOptions& options);
// The same with `driver` for the cluster's GPUs; null where it has none.
[[nodiscard]] ProfileReport profile_ops_with(GpuDriver* driver, const Graph& graph,
                                             const Cluster& cluster, const std::string& kind,
                                             const ProfileOptions& options);

}  // namespace placer::profile
