#include "profiler/gpu/runnable.h"

#include <exception>

#include <fmt/format.h>

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

}  // namespace placer::profile
