#pragma once

// Live bytes per device, and what is short when a limit is passed.
//
// Counted are the bytes that the graph states (results, workspaces, sources), not what the
// allocator hands out: so that a placement fits or does not fit for the same reasons as in the
// simulator, the check comes before the allocation, and costs two atomic additions. A tensor counts
// on the device that made it until its last reader anywhere has ended; devices that share a pool
// draw on the pool's limit too.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "placer/base/units.h"
#include "placer/cluster/cluster.h"

namespace placer::profile {

class MemoryAccount {
 public:
  // `limits`: [devices], or empty: the cluster's.
  MemoryAccount(const Cluster& cluster, std::span<const Bytes> limits);

  // Nothing is live but `resident`, [devices]. Returns the first device that this does not fit on,
  // with the missing bytes.
  struct Shortage {
    std::size_t device = 0;
    Bytes missing;
  };
  [[nodiscard]] std::optional<Shortage> start(std::span<const Bytes> resident);

  // Missing bytes when the limit is passed, else 0. Called by any thread.
  [[nodiscard]] std::int64_t charge(std::size_t device, std::int64_t bytes);
  // Called by any worker.
  void release(std::size_t device, std::int64_t bytes);

  [[nodiscard]] std::vector<Bytes> peaks() const;

 private:
  struct alignas(64) Counter {
    std::atomic<std::int64_t> live{0};
    std::atomic<std::int64_t> peak{0};
    std::int64_t limit = 0;
    Counter* pool = nullptr;
  };

  std::size_t devices_;
  std::unique_ptr<Counter[]> counters_;  // devices, then pools
  std::size_t pools_;
};

}  // namespace placer::profile
