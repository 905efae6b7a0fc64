#pragma once

// A graph's summary as text for people and as JSON for programs.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "placer/cluster/cluster.h"
#include "placer/explain/graph_summary.h"
#include "placer/explain/memory_fit.h"

namespace placer::cli {

// What the graph needs on the devices of a cluster.
struct ClusterFit {
  MemoryParts parts;
  std::vector<DeviceFit> devices;  // [cluster.size()]
};

struct GraphReport {
  const Workload& workload;
  GraphSummary summary;
  const Cluster* cluster = nullptr;  // with `fit`
  std::optional<ClusterFit> fit;
};

[[nodiscard]] std::string report_text(const GraphReport& report);
[[nodiscard]] nlohmann::ordered_json report_json(const GraphReport& report);

}  // namespace placer::cli
