#include "placer/cluster/symmetry.h"

namespace placer {
namespace {

bool alike(const Link& a, const Link& b) {
  return &a == &b ||
         (!a.shared && !b.shared && a.latency == b.latency &&
          a.bytes_per_second == b.bytes_per_second && a.transfer_scale == b.transfer_scale);
}

}  // namespace

bool interchangeable(const Cluster& cluster, DeviceId a, DeviceId b) {
  if (a == b) {
    return true;
  }
  const auto link = [&](DeviceId from, DeviceId to) -> const Link& {
    return cluster.link(cluster.link_between(from, to));
  };
  const Device& x = cluster.device(a);
  const Device& y = cluster.device(b);
  if (x.kind != y.kind || x.pool != y.pool || x.overhead != y.overhead ||
      !alike(link(a, b), link(b, a))) {
    return false;
  }
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const auto other = id_at<DeviceId>(i);
    if (other != a && other != b &&
        (!alike(link(a, other), link(b, other)) || !alike(link(other, a), link(other, b)))) {
      return false;
    }
  }
  return true;
}

}  // namespace placer
