#include "placer/algorithm/unit_table.h"

#include <algorithm>

namespace placer {

UnitTable::UnitTable(const Problem& problem, std::uint64_t worthwhile)
    : constraints_(problem.constraints),
      num_devices_(problem.costs.cluster().size()),
      members_(constraints_.num_units),
      allowed_(constraints_.num_units),
      devices_(constraints_.num_units),
      times_(constraints_.num_units * num_devices_),
      mean_times_(constraints_.num_units),
      persistent_(constraints_.num_units),
      bytes_(constraints_.num_units),
      neighbours_(constraints_.num_units) {
  const Graph& graph = problem.costs.graph();
  std::vector<Bytes> inside(graph.size());
  if (problem.grouping != nullptr) {
    inside = persistent_bytes(*problem.fine_graph, *problem.grouping);
  }
  for (std::size_t v = 0; v < graph.size(); ++v) {
    add_node(problem, id_at<NodeId>(v), inside[v], worthwhile);
  }
  for (std::size_t unit = 0; unit < size(); ++unit) {
    auto& list = neighbours_[unit];
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    for (std::size_t d = 0; d < num_devices_; ++d) {
      if (may_use(unit, id_at<DeviceId>(d))) {
        devices_[unit].push_back(id_at<DeviceId>(d));
      }
    }
  }
}

void UnitTable::add_node(const Problem& problem, NodeId id, Bytes inside,
                         std::uint64_t worthwhile) {
  const Graph& graph = problem.costs.graph();
  const Node& node = graph.node(id);
  const std::uint32_t unit = constraints_.unit_of[index(id)];
  members_[unit].push_back(id);
  allowed_[unit] = constraints_.allowed[index(id)] & worthwhile;
  mean_times_[unit] += problem.costs.mean_time(id);
  for (std::size_t d = 0; d < num_devices_; ++d) {
    if (may_use(unit, id_at<DeviceId>(d))) {
      times_[unit * num_devices_ + d] += problem.costs.op_time(id, id_at<DeviceId>(d));
    }
  }
  persistent_[unit] += inside + node.resident;
  bytes_[unit] += inside + node.resident;
  for (const TensorSpec& output : node.outputs) {
    const Bytes own = output.alias_of ? Bytes{} : output.bytes;
    bytes_[unit] += own;
    persistent_[unit] += node.kind == NodeKind::kOp ? Bytes{} : own;
  }
  for (const Use& use : graph.uses(id)) {
    const std::uint32_t other = constraints_.unit_of[index(use.consumer)];
    if (use.output != Use::kControl && other != unit) {
      neighbours_[unit].push_back(other);
      neighbours_[other].push_back(unit);
    }
  }
}

Placement UnitTable::placement(std::span<const DeviceId> choice) const {
  Placement result;
  result.device.reserve(constraints_.unit_of.size());
  for (const std::uint32_t unit : constraints_.unit_of) {
    result.device.push_back(choice[unit]);
  }
  return result;
}

std::vector<DeviceId> UnitTable::choice(const Placement& placement) const {
  std::vector<DeviceId> result;
  result.reserve(size());
  for (const auto& members : members_) {
    result.push_back(placement.device[index(members.front())]);
  }
  return result;
}

}  // namespace placer
