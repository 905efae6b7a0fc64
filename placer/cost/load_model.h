#pragma once

// What closed-form objectives charge a device for a node or a tensor, in microseconds and not
// rounded: the one place where a cluster's links become the cost model of pipelined throughput
// (Tarnawski et al., "Efficient Algorithms for Device Placement of DNN Graph Operators", NeurIPS
// 2020, section 3). There an accelerator reaches everything else through the host's memory and pays
// for each tensor that leaves it, once, and for each that enters it, once.

#include <vector>

#include "placer/base/ids.h"
#include "placer/base/units.h"
#include "placer/cost/cost_model.h"
#include "placer/graph/node.h"

namespace placer {

class LoadModel {
 public:
  // `costs` must outlive it.
  explicit LoadModel(const CostModel& costs);

  // Time of the node on the device, which must support it; 0 for nodes that are not ops.
  [[nodiscard]] double time_us(NodeId node, DeviceId device) const {
    return costs_->op_microseconds(node, device);
  }
  // What the device pays when the tensor leaves it, and again when it enters: the time over its
  // cheapest link to a host, or where the cluster has no host its cheapest link that copies. 0 for
  // hosts and for devices that hand over instead of copying. Latencies are not charged: they
  // overlap in a pipeline.
  [[nodiscard]] double transfer_us(TensorRef tensor, DeviceId device) const;
  // What it holds on its device: resident bytes and those outputs that own their memory.
  [[nodiscard]] Bytes memory(NodeId node) const;

  [[nodiscard]] const CostModel& costs() const { return *costs_; }

 private:
  // Charges over the cheapest of a device's links.
  struct Rate {
    double us_per_byte = 0;
    double scale = 0;  // of stated transfer times
  };

  const CostModel* costs_;
  std::vector<Rate> rates_;  // [devices]
};

}  // namespace placer
