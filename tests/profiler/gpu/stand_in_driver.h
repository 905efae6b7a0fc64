#pragma once

// A driver layer whose GPUs are the stand-ins, and clusters of them.

#include "placer/cluster/cluster.h"
#include "profiler/gpu/gpu_driver.h"
#include "tests/profiler/gpu/stand_in_device.h"

namespace placer::testing {

class StandInDriver final : public profile::GpuDriver {
 public:
  int count() const override { return kStandInGpus; }
  std::string problem() const override { return ""; }
  profile::GpuSoftware software() const override { return {"13.0", "13.0"}; }
  profile::GpuFacts facts(int gpu) const override;
  profile::GpuReading reading(int gpu) const override;
  bool has_peer_access(int from, int to) const override;
  std::vector<double> time_copies(const profile::CopyRequest& request, int repeats) override;
  double time_launches(int gpu, int count) override;
  int part_multiprocessors(int gpu, int parts) override;
  profile::GpuStream new_stream(int gpu, profile::GpuPart part) override;
  void limit_memory(int gpu, Bytes limit) override { limit_stand_in(gpu, limit); }
  Bytes peak_memory(int gpu) const override;
  void reset_peak_memory(int gpu) override;
  void release_cached_memory() override { ++released; }
  std::unique_ptr<profile::GpuGraph> begin_capture(int gpu) override;
  std::string lost(int gpu) const override;

  int released = 0;  // calls of release_cached_memory()
};

// "cpu:0" ..., then "cuda:0" ... or its parts, all of them linked by copies.
struct MixedCluster {
  std::size_t cpus = 1;
  std::vector<std::string> gpus = {"cuda:0", "cuda:1"};
  Bytes gpu_memory{std::int64_t{1} << 40};
};
[[nodiscard]] Cluster mixed_cluster(const MixedCluster& what);

}  // namespace placer::testing
