#pragma once

// Times of one workload on one cluster, resolved into flat tables: what simulators and algorithms
// ask in their inner loops.

#include <cstdint>
#include <span>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"
#include "placer/graph/graph.h"

namespace placer {

class CostModel {
 public:
  // Keeps references to `workload` and `cluster`, which must outlive it.
  // Throws Error(kBadInput) when the graph has no times for a device's kind: the text says to run
  // `placer profile`; and when a tensor over some link takes longer than kMaxSimTime.
  CostModel(const Workload& workload, const Cluster& cluster);

  [[nodiscard]] const Graph& graph() const { return *graph_; }
  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }

  // Time of the node on the device with the device's overhead per op; 0 for nodes that are not ops.
  // The device must be in supported(node).
  [[nodiscard]] SimTime op_time(NodeId node, DeviceId device) const {
    return times_[at(node, device)];
  }
  // The same while every other device of its memory pool works too; op_time where the profile does
  // not tell.
  [[nodiscard]] SimTime busy_time(NodeId node, DeviceId device) const {
    return busy_times_[at(node, device)];
  }
  // Mask of the devices that can run the node: bit d is DeviceId d.
  [[nodiscard]] std::uint64_t supported(NodeId node) const { return supported_[index(node)]; }
  // op_time in microseconds, without rounding to picoseconds: what closed-form objectives add up.
  [[nodiscard]] double op_microseconds(NodeId node, DeviceId device) const {
    const double exact = exact_times_.empty() ? -1 : exact_times_[at(node, device)];
    return exact >= 0 ? exact : op_time(node, device).microseconds();
  }
  // How long both ends of the link are held: 0 for a hand-off.
  [[nodiscard]] SimTime occupancy(const TensorSpec& tensor, DeviceId from, DeviceId to) const {
    return occupancy(tensor, route(from, to));
  }
  // On the way to each device, 0 to the one that it comes from.
  //   result  [devices]
  void occupancies(const TensorSpec& tensor, DeviceId from, std::span<SimTime> result) const;
  // Occupancy and latency: from the producer's end to the arrival, when nothing else uses the link.
  // 0 on one device.
  [[nodiscard]] SimTime transfer_time(const TensorSpec& tensor, DeviceId from, DeviceId to) const {
    return occupancy(tensor, from, to) + signal_time(from, to);
  }
  // Of a control edge: the latency. 0 on one device.
  [[nodiscard]] SimTime signal_time(DeviceId from, DeviceId to) const {
    return route(from, to).latency;
  }
  // Mean of op_time over the devices that support the node, rounded up.
  [[nodiscard]] SimTime mean_time(NodeId node) const;
  // Mean of transfer_time over all ordered pairs of distinct devices; 0 with one device.
  [[nodiscard]] SimTime mean_transfer_time(const TensorSpec& tensor) const;
  [[nodiscard]] SimTime mean_signal_time() const;
  // Of what a use of the node's outputs moves: a tensor, or a signal.
  [[nodiscard]] SimTime mean_time(NodeId from, const Use& use) const;

 private:
  // What a link says of a pair of devices; all 0 from a device to itself.
  struct Route {
    double bytes_per_second = 0;  // 0: a hand-off
    double transfer_scale = 0;
    SimTime latency;
  };
  [[nodiscard]] const Route& route(DeviceId from, DeviceId to) const {
    return routes_[index(from) * num_devices_ + index(to)];
  }
  [[nodiscard]] static SimTime occupancy(const TensorSpec& tensor, const Route& route) {
    if (route.bytes_per_second == 0) return {};
    return tensor.transfer_us
               ? from_microseconds(*tensor.transfer_us * route.transfer_scale)
               : from_seconds(static_cast<double>(tensor.bytes.count) / route.bytes_per_second);
  }
  // Devices side by side: who places a node asks for all of them.
  [[nodiscard]] std::size_t at(NodeId node, DeviceId device) const {
    return index(node) * num_devices_ + index(device);
  }

  const Graph* graph_;
  const Cluster* cluster_;
  std::size_t num_devices_;
  std::vector<Route> routes_;             // [from x to]
  std::vector<SimTime> times_;            // [nodes x devices]
  std::vector<SimTime> busy_times_;       // [nodes x devices]
  std::vector<std::uint64_t> supported_;  // [nodes]
  double mean_latency_ps_ = 0;            // over ordered pairs of distinct devices
  double mean_ps_per_byte_ = 0;
  double mean_scale_ = 0;            // of stated transfer times, in ps per microsecond
  std::vector<double> exact_times_;  // [nodes x devices], negative: as times_; empty: all as times_
};

// HEFT's upward rank with mean op and transfer times: the default execution priority (higher runs
// first).
[[nodiscard]] std::vector<std::int64_t> default_priority(const CostModel& costs);  // [nodes]

}  // namespace placer
