#pragma once

// What GPUs this machine has, and how fast bytes reach them: asked and measured through a driver.

#include <string>
#include <vector>

#include "profiler/gpu/gpu_driver.h"

namespace placer::profile {

// A copy of n bytes takes latency + n / rate.
struct CopySpeed {
  double latency_seconds = 0;
  double bytes_per_second = 0;
};

// The two directions between two ends.
struct CopyLink {
  CopySpeed there;
  CopySpeed back;
  // Of each direction while the other one copies as much.
  double both_bytes_per_second = 0;

  // Whether the directions are better taken for one bus: at once they carry less than half as much
  // again as the slower one alone.
  [[nodiscard]] bool one_bus() const;
};

struct GpuReport {
  int gpu = 0;
  GpuFacts facts;
  GpuReading reading;
  CopyLink host;             // there: from the host, whose memory is pinned
  CopySpeed pageable_there;  // from ordinary memory of the host
  CopySpeed pageable_back;
  CopySpeed within;           // its memory to its memory
  double launch_seconds = 0;  // host time of launching one op
  std::string problem;        // why it cannot be used; empty: it can, and all the above is measured
};

struct PeerReport {
  int from = 0;
  int to = 0;           // > from
  bool direct = false;  // else through the host's memory
  CopyLink link;        // there: from `from` to `to`
  std::string problem;  // why nothing was measured; empty: it was
};

struct GpuSurvey {
  std::string problem;  // why there are no GPUs
  GpuSoftware software;
  std::vector<GpuReport> gpus;
  std::vector<PeerReport> peers;  // pairs of GPUs without problem
};

// Takes a second or two a GPU. One that fails, or whose answers make no sense (no memory, copies
// that take no time), is reported with the reason; nothing is thrown for it.
[[nodiscard]] GpuSurvey survey_gpus(GpuDriver& driver);

}  // namespace placer::profile
