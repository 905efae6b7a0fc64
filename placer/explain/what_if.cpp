#include "placer/explain/what_if.h"

#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer {
namespace {

SimTime divided(SimTime time, double factor) {
  return from_microseconds(time.microseconds() / factor);
}

KindTimes divided(const KindTimes& times, double factor) {
  KindTimes result = times;
  for (auto& op : result.ops) {
    if (!op) {
      continue;
    }
    op->time = divided(op->time, factor);
    op->minimum = divided(op->minimum, factor);
    if (op->busy) {
      op->busy = divided(*op->busy, factor);
    }
    if (op->exact_us) {
      op->exact_us = *op->exact_us / factor;
    }
  }
  return result;
}

}  // namespace

Variant with_faster_device(const Workload& workload, const Cluster& cluster, DeviceId device,
                           double factor) {
  std::vector<Device> devices(cluster.devices().begin(), cluster.devices().end());
  Device& changed = devices[index(device)];
  const KindTimes* times = workload.times.find(changed.kind);
  PLACER_CHECK(times != nullptr, changed.kind);
  KindTimes faster = divided(*times, factor);
  faster.kind = fmt::format("{}, {} x {}", changed.kind, changed.name, factor);
  changed.kind = faster.kind;
  changed.overhead = divided(changed.overhead, factor);
  Variant variant{
      .workload = workload,
      .cluster = Cluster(cluster.name(), std::move(devices),
                         std::vector<Link>(cluster.links().begin(), cluster.links().end()),
                         std::vector<MemoryPool>(cluster.pools().begin(), cluster.pools().end()))};
  variant.workload.times.set(std::move(faster));
  return variant;
}

Cluster with_faster_link(const Cluster& cluster, LinkId link, double factor) {
  std::vector<Link> links(cluster.links().begin(), cluster.links().end());
  Link& changed = links[index(link)];
  changed.latency = divided(changed.latency, factor);
  changed.transfer_scale /= factor;
  if (changed.bytes_per_second) {
    changed.bytes_per_second = *changed.bytes_per_second * factor;
  }
  return {cluster.name(), std::vector<Device>(cluster.devices().begin(), cluster.devices().end()),
          std::move(links),
          std::vector<MemoryPool>(cluster.pools().begin(), cluster.pools().end())};
}

}  // namespace placer
