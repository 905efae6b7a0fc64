#pragma once

// Workloads small enough to work out by hand.

#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/placement/placement.h"
#include "simulator/simulator.h"

namespace placer::sim::test {

inline constexpr std::int64_t kMicro = 1'000'000;  // ps

[[nodiscard]] inline SimTime us(std::int64_t microseconds) {
  return {microseconds * kMicro};
}

// Adds nodes in the order of the calls; times are for the device kind "device".
class SmallWorkload {
 public:
  struct More {
    std::vector<NodeId> after{};
    std::int64_t workspace = 0;
    std::int64_t resident = 0;
    std::int64_t busy_micros = 0;            // time beside working peers; 0: not known
    std::optional<std::uint32_t> view_of{};  // its first output shares this input's storage
  };

  NodeId source(NodeKind kind, std::int64_t bytes);
  // One output per entry of `bytes`; reads output 0 of each input.
  NodeId op(std::int64_t micros, const std::vector<NodeId>& inputs,
            const std::vector<std::int64_t>& bytes, const More& more);
  NodeId op(std::int64_t micros, const std::vector<NodeId>& inputs,
            const std::vector<std::int64_t>& bytes) {
    return op(micros, inputs, bytes, {});
  }
  NodeId keep(NodeId input);

  [[nodiscard]] Workload build() const;

 private:
  std::vector<Node> nodes_;
  KindTimes times_;
};

struct SmallCluster {
  std::size_t devices = 2;
  std::int64_t latency_us = 0;
  std::optional<double> bytes_per_second = 7.6e9;  // nothing: hand-offs
  bool shared = false;                             // one bus for all pairs, else a link per pair
  std::int64_t overhead_us = 0;
  bool asynchronous_launch = false;
  std::int64_t memory = std::int64_t{1} << 40;
  std::vector<MemoryPool> pools{};  // when there is one, all devices use it
};
[[nodiscard]] Cluster make_cluster(const SmallCluster& options);

[[nodiscard]] Placement on(const std::vector<unsigned>& devices,
                           std::vector<std::int64_t> priority = {});

[[nodiscard]] std::vector<Bytes> bytes(std::initializer_list<std::int64_t> counts);

// The step under `placement`; what evaluate() says of it is expected to be the same.
[[nodiscard]] Timeline run(const SmallWorkload& workload, const SmallCluster& cluster,
                           const Placement& placement, const Model& model = {});

// When the op of that number starts.
[[nodiscard]] SimTime start_of(const Timeline& timeline, unsigned node);

}  // namespace placer::sim::test
