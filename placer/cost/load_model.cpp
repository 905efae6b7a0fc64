#include "placer/cost/load_model.h"

#include <algorithm>
#include <limits>
#include <span>

namespace placer {
namespace {

constexpr double kNoLink = std::numeric_limits<double>::infinity();

// True where every copy of the device passes through a host.
bool has_host(const Cluster& cluster) {
  const auto devices = cluster.devices();
  return std::any_of(devices.begin(), devices.end(), is_host);
}

}  // namespace

LoadModel::LoadModel(const CostModel& costs) : costs_(&costs), rates_(costs.cluster().size()) {
  const Cluster& cluster = costs.cluster();
  const bool through_host = has_host(cluster);
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto device = id_at<DeviceId>(d);
    if (is_host(cluster.device(device))) {
      continue;
    }
    Rate cheapest{.us_per_byte = kNoLink, .scale = kNoLink};
    for (std::size_t other = 0; other < cluster.size(); ++other) {
      if (other == d || (through_host && !is_host(cluster.devices()[other]))) {
        continue;
      }
      const auto end = id_at<DeviceId>(other);
      for (const LinkId id :
           {cluster.link_between(device, end), cluster.link_between(end, device)}) {
        const Link& link = cluster.link(id);
        if (link.bytes_per_second) {
          cheapest.us_per_byte = std::min(cheapest.us_per_byte, 1e6 / *link.bytes_per_second);
          cheapest.scale = std::min(cheapest.scale, link.transfer_scale);
        }
      }
    }
    if (cheapest.scale != kNoLink) {
      rates_[d] = cheapest;
    }
  }
}

double LoadModel::transfer_us(TensorRef tensor, DeviceId device) const {
  const TensorSpec& spec = costs_->graph().tensor(tensor);
  const Rate& rate = rates_[index(device)];
  return spec.transfer_us ? *spec.transfer_us * rate.scale
                          : static_cast<double>(spec.bytes.count) * rate.us_per_byte;
}

Bytes LoadModel::memory(NodeId node) const {
  const Node& held = costs_->graph().node(node);
  Bytes total = held.resident;
  for (const TensorSpec& output : held.outputs) {
    total += output.alias_of ? Bytes{} : output.bytes;
  }
  return total;
}

}  // namespace placer
