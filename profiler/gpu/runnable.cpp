#include "profiler/gpu/runnable.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/gpu/plugin.h"

namespace placer::profile {

std::string missing_for(const Device& device, const GpuName& name, GpuDriver& driver) try {
  const int count = driver.count();
  if (count == 0) {
    return fmt::format("{}: {}", device.name, driver.problem());
  }
  if (name.gpu >= count) {
    return fmt::format("{}: this machine has {} GPU{}", device.name, count, count == 1 ? "" : "s");
  }
  const std::string kind = "cuda:" + driver.facts(name.gpu).name;
  const bool part = name.part && device.kind.starts_with(kind + " (");
  if (part || (!name.part && device.kind == kind)) {
    return "";
  }
  return fmt::format(
      "{}: the cluster says {}, here is {} (make a cluster for this machine: placer devices)",
      device.name, device.kind, kind);
} catch (const std::exception& error) {
  return error.what();
}

GpuDriver* gpu_driver_for(const Cluster& cluster) {
  const bool any = std::ranges::any_of(cluster.devices(), [](const Device& device) {
    return parse_gpu_name(device.name).has_value();
  });
  return any ? &gpu_driver() : nullptr;
}

std::vector<std::optional<GpuPlace>> runnable_gpus(const Cluster& cluster, GpuDriver* driver) {
  auto places = gpu_places(cluster);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i]) {
      continue;
    }
    PLACER_CHECK(driver != nullptr, "a cluster with GPUs needs their driver");
    const Device& device = cluster.device(id_at<DeviceId>(i));
    const std::string missing = missing_for(device, *parse_gpu_name(device.name), *driver);
    if (!missing.empty()) {
      throw Error(ErrorKind::kDevice, missing);
    }
  }
  return places;
}

}  // namespace placer::profile
