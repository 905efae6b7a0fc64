#pragma once

// Memory in use while a step runs. An allocation lives from a start to an end, the end excluded: at
// equal times frees come before allocations, and what lives for no time takes no memory. So the sum
// counts only once a time has passed: settle() is called before the clock moves on.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "simulator/compiled_graph.h"
#include "simulator/simulator.h"

namespace placer::sim {

// Memory of a tensor, or of a copy that another device received.
struct Buffer {
  std::int64_t bytes = 0;
  std::int64_t busy_until = 0;  // end of the last transfer that reads it
  std::uint32_t holders = 0;    // readers to come, and its writer while that runs
  std::uint32_t device = 0;
};

struct MemoryChange {
  std::int64_t time = 0;
  std::int64_t bytes = 0;
  std::uint32_t device = 0;
};

class MemoryAccount {
 public:
  explicit MemoryAccount(const CompiledGraph& graph)
      : pool_of_(graph.pool_domain), used_(graph.num_domains()), peak_(graph.num_domains()) {}

  void clear() {
    std::ranges::fill(used_, 0);
    std::ranges::fill(peak_, 0);
    touched_ = 0;
  }
  void add(std::uint32_t device, std::int64_t bytes) {
    used_[device] += bytes;
    used_[pool_of_[device]] += bytes;
    touched_ |= std::uint64_t{1} << device;
  }
  void settle() {
    for (; touched_ != 0; touched_ &= touched_ - 1) {
      const auto device = static_cast<std::size_t>(std::countr_zero(touched_));
      const std::uint32_t pool = pool_of_[device];
      peak_[device] = std::max(peak_[device], used_[device]);
      peak_[pool] = std::max(peak_[pool], used_[pool]);
    }
  }
  // All changes of a step, in any order, which this sorts by time.
  void replay(std::span<MemoryChange> changes);
  // [devices, then pools, then one more]: the most bytes in use at any time.
  [[nodiscard]] std::span<const std::int64_t> peak() const { return peak_; }

 private:
  std::span<const std::uint32_t> pool_of_;  // of the graph
  std::vector<std::int64_t> used_;
  std::vector<std::int64_t> peak_;
  std::uint64_t touched_ = 0;  // mask of the devices that changed since the clock last moved
};

// What is short of memory by most.
struct Shortage {
  std::uint32_t domain = 0;
  std::int64_t missing = 0;
};
[[nodiscard]] std::optional<Shortage> find_shortage(const CompiledGraph& graph,
                                                    std::span<const std::int64_t> peak);

// Bytes that lived from `start` to `end` in a device's memory.
struct Allocation {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t bytes = 0;
  std::uint32_t device = 0;
  std::uint32_t node = 0;    // whose tensor or workspace it is
  std::uint32_t output = 0;  // or one of these: no tensor
  static constexpr std::uint32_t kWorkspace = 0xFFFFFFFF;
  static constexpr std::uint32_t kResident = 0xFFFFFFFE;
};

// Bytes in use after every change until `end`, by time, then device.
[[nodiscard]] std::vector<MemoryPoint> memory_profile(std::span<const Allocation> allocations,
                                                      SimTime end);

// The first time at which the domain holds more than its limit, and what it holds then.
struct Overflow {
  std::int64_t time = 0;
  std::vector<Allocation> alive;  // largest first, ties by node and output
};
[[nodiscard]] Overflow find_overflow(const CompiledGraph& graph,
                                     std::span<const Allocation> allocations, std::uint32_t domain);

}  // namespace placer::sim
