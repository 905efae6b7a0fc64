#include "tests/profiler/gpu/mixed_cluster.h"

#include <utility>

#include "tests/profiler/executable_graph.h"

namespace placer::testing {

Cluster mixed_cluster(const MixedCluster& what) {
  const Cluster cores = core_cluster(what.cpus);
  std::vector<Device> devices(cores.devices().begin(), cores.devices().end());
  for (const std::string& name : what.gpus) {
    const std::string share = name.find('.') == std::string::npos ? "" : " (a part)";
    devices.push_back({.name = name,
                       .kind = "cuda:" + what.model + share,
                       .memory = {std::int64_t{1} << 40},
                       .pool = {},
                       .cores = {},
                       .overhead = {},
                       .asynchronous_launch = true});
  }
  std::vector<Link> links(cores.links().begin(), cores.links().end());
  Link copies{"copies", {}, from_microseconds(10), 1e10, false};
  for (std::size_t i = 0; i < devices.size(); ++i) {
    for (std::size_t j = 0; j < devices.size(); ++j) {
      if (i != j && (i >= what.cpus || j >= what.cpus)) {
        copies.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  if (!copies.pairs.empty()) {
    links.push_back(std::move(copies));
  }
  return {"mixed", std::move(devices), std::move(links)};
}

}  // namespace placer::testing
