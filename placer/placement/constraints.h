#pragma once

// What the user insists on, resolved against one graph and cluster.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/cost_model.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"

namespace placer {

// As typed. Globs match node names and module paths ("layer1.*"; a module path also covers the
// modules inside it); DEVICE is a name or a glob over names ("cuda:*").
struct ConstraintOptions {
  std::vector<std::string> pin = {};       // "GLOB=DEVICE[,DEVICE...]": nodes may only use these
  std::vector<std::string> forbid = {};    // "GLOB=DEVICE[,DEVICE...]"
  std::vector<std::string> colocate = {};  // "GLOB": all matching nodes share one device
  // "GLOB" over module paths: each module that matches is on one device with all inside it, the
  // outermost where several match.
  std::vector<std::string> keep_together = {};
  // "DEVICE=SIZE": at most this, and at most what the cluster gives.
  std::vector<std::string> max_memory = {};
  // "DEVICE=SIZE": of what the cluster gives, this stays free.
  std::vector<std::string> reserve = {};
  std::size_t max_devices = 0;  // use at most so many; 0: any number
  bool contiguous = false;
};

struct Constraints {
  std::vector<std::uint64_t> allowed;  // [graph.size()]: mask of devices; never 0
  std::vector<Bytes> memory_limit;     // [cluster.size()]
  // [graph.size()]: nodes of one unit share a device; dense, by first node.
  std::vector<std::uint32_t> unit_of;
  std::size_t num_units = 0;
  // No path of forward nodes may leave a device and come back to it.
  bool contiguous = false;
};

// Combines the options with what the ops support, the devices' memory and the graph's own
// colocation classes; every node of a unit gets the same `allowed`. Which devices `max_devices`
// leaves is a choice that needs judging: see with_at_most() in placer/algorithm/device_subset.h.
//   throws  Error(kUsage) for a glob that matches nothing, an unknown device, a malformed size, a
//           reserve beyond the device's memory, and all contradictions (units left without any device) together, each with a node's name
[[nodiscard]] Constraints resolve_constraints(const CostModel& costs,
                                              const ConstraintOptions& options);

// Node ids that a glob selects, ascending.
[[nodiscard]] std::vector<NodeId> select_nodes(const Graph& graph, const std::string& glob);

// The first violation as text ("node x is on cpu:1, allowed: cpu:0"), or empty.
[[nodiscard]] std::string first_violation(const Graph& graph, const Cluster& cluster,
                                          const Constraints& constraints,
                                          const Placement& placement);

}  // namespace placer
