#pragma once

// What the event loop tells of a step while it runs it. The loop is compiled once for each
// recorder, so that a search pays nothing for what it does not look at.

#include <cstdint>
#include <vector>

#include "simulator/compiled_graph.h"
#include "simulator/liveness.h"
#include "simulator/workspace.h"

namespace placer::sim {

struct SilentRecorder {
  static constexpr bool kRecords = false;

  void start(std::uint32_t, std::int64_t) {}
  void end(std::uint32_t, std::int64_t) {}
  void ready(std::uint32_t, std::uint32_t, std::int64_t) {}
  void send(std::uint32_t, std::uint32_t, std::int64_t, const Reservation&, std::int64_t) {}
  void allocate(std::uint32_t, std::uint32_t, std::int64_t, std::int64_t) {}
  void free(std::uint32_t, std::int64_t) {}
};

class StepRecorder {
 public:
  static constexpr bool kRecords = true;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr std::uint32_t kLaunch = 0xFFFFFFFE;

  // Times of a node, and the value whose arrival was the last it waited for; kNone: none, kLaunch:
  // its launch.
  struct NodeTimes {
    std::int64_t ready = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::uint32_t last_input = kNone;
  };
  // A value on its way to a device: a copy, a hand-off or a signal.
  struct Sending {
    std::uint32_t value = 0;
    std::uint32_t to = 0;
    std::int64_t made = 0;      // producer's end
    std::int64_t start = 0;     // link held from here
    std::int64_t released = 0;  // link free again
    std::int64_t arrival = 0;
  };

  explicit StepRecorder(const CompiledGraph& graph);

  void start(std::uint32_t node, std::int64_t time) { nodes_[node].start = time; }
  void end(std::uint32_t node, std::int64_t time) { nodes_[node].end = time; }
  void ready(std::uint32_t node, std::uint32_t value, std::int64_t time);
  void send(std::uint32_t value, std::uint32_t to, std::int64_t made, const Reservation& held,
            std::int64_t arrival);
  // `buffer` is a value's number, or one beyond the values for each copy.
  void allocate(std::uint32_t buffer, std::uint32_t device, std::int64_t bytes, std::int64_t time);
  void free(std::uint32_t buffer, std::int64_t time);

  [[nodiscard]] const std::vector<NodeTimes>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<Sending>& sendings() const { return sendings_; }
  // Of everything that took memory; what was not freed ends never.
  [[nodiscard]] std::vector<Allocation> allocations(const Workspace& workspace) const;

 private:
  struct Interval {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::int64_t bytes = 0;
    std::uint32_t device = kNone;  // kNone: never allocated
  };

  const CompiledGraph& graph_;
  std::vector<NodeTimes> nodes_;
  std::vector<Sending> sendings_;
  std::vector<Interval> buffers_;
};

}  // namespace placer::sim
