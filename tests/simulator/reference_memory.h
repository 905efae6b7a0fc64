#pragma once

// Memory counted from a finished schedule, by looking at everything at every time.

#include <functional>
#include <limits>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"
#include "simulator/simulator.h"

namespace placer::sim::test {

inline constexpr SimTime kNever{std::numeric_limits<std::int64_t>::max()};

using TensorKey = std::pair<std::size_t, std::uint32_t>;  // node, output

// A transfer: of what, to which device, for which reader (kEveryReader: all there).
using TransferKey = std::tuple<TensorKey, std::size_t, std::size_t>;
inline constexpr std::size_t kEveryReader = std::numeric_limits<std::size_t>::max();

class ReferenceMemory {
 public:
  ReferenceMemory(const Graph& graph, const Cluster& cluster, const Placement& placement,
                  Sending sending)
      : graph_(graph), cluster_(cluster), placement_(placement), sending_(sending) {}

  // `start` and `end` of every node.
  void place(const std::vector<SimTime>& start, const std::vector<SimTime>& end,
             const std::map<TransferKey, TransferRecord>& transfers);

  // Most bytes of devices for which `counts` says so, over all times at which something starts.
  [[nodiscard]] Bytes peak(const std::function<bool(std::size_t)>& counts) const;

 private:
  struct Instance {  // memory of a tensor on the device where it was made or received
    std::size_t device = 0;
    Bytes bytes;
    SimTime start;
    SimTime end;
  };

  [[nodiscard]] const Node& node(std::size_t n) const { return graph_.nodes()[n]; }
  [[nodiscard]] DeviceId device(std::size_t n) const { return placement_.device[n]; }
  [[nodiscard]] bool copies(DeviceId from, DeviceId to) const {
    return from != to &&
           cluster_.link(cluster_.link_between(from, to)).bytes_per_second.has_value();
  }
  [[nodiscard]] Instance& read_by(TensorKey tensor, std::size_t reader);
  [[nodiscard]] Instance& origin(TensorKey tensor);

  const Graph& graph_;
  const Cluster& cluster_;
  const Placement& placement_;
  const Sending sending_;
  std::map<TensorKey, Instance> own_;
  std::map<TransferKey, Instance> copies_;
  std::vector<Instance> others_;  // workspace and what ops hold from step to step
};

}  // namespace placer::sim::test
