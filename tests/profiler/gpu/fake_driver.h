#pragma once

// GPUs as a test wants them: a driver that answers from a script.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profiler/gpu/gpu_driver.h"

namespace placer::profile::test {

struct FakeGpu {
  GpuFacts facts{.name = "Fake 100",
                 .bus = "0000:01:00.0",
                 .memory = Bytes{std::int64_t{80} << 30},
                 .multiprocessors = 132,
                 .copy_engines = 3,
                 .numa_node = {}};
  GpuReading reading{Bytes{std::int64_t{64} << 30}, {}, {}};
  int part_step = 8;  // multiprocessors of a part are a multiple of this
  double launch_seconds = 4e-6;
  std::string lost;
  // What tensors hold at most, for peak_memory(); set by the test.
  Bytes peak;
};

// A copy takes 10 us and n / rate; both ways at once each direction has `together` of its rate.
struct FakeCopies {
  double latency_seconds = 10e-6;
  double pinned_rate = 50e9;  // between host and GPU
  double pageable_rate = 10e9;
  double within_rate = 2000e9;
  double peer_rate = 300e9;   // with peer access
  double staged_rate = 20e9;  // without
  double together = 0.9;
};

class FakeDriver final : public GpuDriver {
 public:
  FakeDriver() = default;
  explicit FakeDriver(std::size_t count) : gpus(count) {}

  std::vector<FakeGpu> gpus;
  std::string reason = "no NVIDIA driver is installed (libcuda.so.1)";  // while there are no gpus
  FakeCopies copies;
  bool peers = true;
  // Asked before every copy: may throw, or give what the copy is to take instead.
  std::function<std::optional<double>(const CopyRequest&)> on_copy;
  // Makes the streams that new_stream() gives; else their ids are 1, 2, 3, ...
  std::function<GpuStream(int gpu, GpuPart part)> make_stream;

  // Makes what begin_capture() gives; else a graph that counts.
  std::function<std::unique_ptr<GpuGraph>(int gpu)> make_capture;

  // What was asked for, in order.
  std::vector<std::pair<int, GpuPart>> streams;
  std::map<int, Bytes> limits;
  int cache_releases = 0;
  int captures = 0;
  int replays = 0;
  // Thrown by begin_capture() where not empty.
  std::string cannot_capture;

  int count() const override { return static_cast<int>(gpus.size()); }
  std::string problem() const override { return gpus.empty() ? reason : ""; }
  GpuSoftware software() const override { return {"13.1", "13.0"}; }
  GpuFacts facts(int gpu) const override { return at(gpu).facts; }
  GpuReading reading(int gpu) const override { return at(gpu).reading; }
  bool has_peer_access(int from, int to) const override;
  std::vector<double> time_copies(const CopyRequest& request, int repeats) override;
  double time_launches(int gpu, int count) override;
  int part_multiprocessors(int gpu, int parts) override;
  GpuStream new_stream(int gpu, GpuPart part) override;
  void limit_memory(int gpu, Bytes limit) override;
  Bytes peak_memory(int gpu) const override { return at(gpu).peak; }
  void reset_peak_memory(int gpu) override { at(gpu).peak = {}; }
  void release_cached_memory() override { ++cache_releases; }
  std::unique_ptr<GpuGraph> begin_capture(int gpu) override;
  std::string lost(int gpu) const override { return at(gpu).lost; }

 private:
  [[nodiscard]] const FakeGpu& at(int gpu) const { return gpus.at(static_cast<std::size_t>(gpu)); }
  [[nodiscard]] FakeGpu& at(int gpu) { return gpus.at(static_cast<std::size_t>(gpu)); }
  [[nodiscard]] double rate(const CopyRequest& request) const;

  std::mutex mutex_;
};

}  // namespace placer::profile::test
