#include "simulator/infeasible.h"

#include <iterator>
#include <string>

#include <fmt/format.h>

namespace placer::sim {

void describe_shortage(const Cluster& cluster, std::size_t domain, Bytes needs, Bytes has,
                       std::optional<Infeasible>& infeasible) {
  const bool is_pool = domain >= cluster.size();
  std::size_t device = domain;
  if (is_pool) {
    // A pool is named by its first device where a device is asked for.
    device = 0;
    while (cluster.device(id_at<DeviceId>(device)).pool != domain - cluster.size()) {
      ++device;
    }
  }
  const std::string& name = is_pool ? cluster.pools()[domain - cluster.size()].name
                                    : cluster.device(id_at<DeviceId>(device)).name;
  if (!infeasible) {
    infeasible.emplace();
  }
  infeasible->reason = InfeasibleReason::kOutOfMemory;
  infeasible->device = id_at<DeviceId>(device);
  infeasible->node.reset();
  infeasible->missing = needs - has;
  infeasible->text.clear();
  fmt::format_to(std::back_inserter(infeasible->text), "{}{} is {} short (needs {}, has {})",
                 is_pool ? "memory pool " : "", name, to_string(infeasible->missing),
                 to_string(needs), to_string(has));
}

Infeasible unsupported(const CostModel& costs, NodeId node, DeviceId device) {
  const Node& op = costs.graph().node(node);
  return {.reason = InfeasibleReason::kUnsupported,
          .device = device,
          .node = node,
          .missing = {},
          .text = fmt::format("node \"{}\" ({}) cannot run on {}", op.name, op.op,
                              costs.cluster().device(device).name)};
}

}  // namespace placer::sim
