#pragma once

// A placement as a device_map of Hugging Face accelerate, and as plain JSON.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"

namespace placer {

// A device_map places modules, not ops, so that a placement is projected: a module goes to the
// device that has the largest share of the weight of its ops and of the modules inside it (all
// passes; ties to the lowest device). A module is divided into its children only where these differ
// and it owns no parameter or buffer itself: accelerate does not move what a divided module owns.
struct DeviceMap {
  struct Entry {
    std::string module;  // a module path; a parameter's name where no module has it; "": the model
    DeviceId device{};
  };
  std::vector<Entry> entries;  // by first appearance in the graph, siblings side by side
  DeviceId main_device{};      // where the inputs go: with the module that runs first
  // The nodes of every module with it; those outside of all modules where they were.
  Placement projected;
  std::size_t moved = 0;  // nodes that are elsewhere in `projected`
};

//   weight  [graph.size()]: what a node counts for, e.g. its time on its device
// Throws Error(kInfeasible) when the graph has no module paths, or when the placement uses several
// CPU devices: accelerate knows one "cpu".
[[nodiscard]] DeviceMap project_to_modules(const Graph& graph, const Cluster& cluster,
                                           const Placement& placement,
                                           std::span<const double> weight);

// {"module": device}: whole numbers for cuda devices, "cpu" for a CPU, other names as they are.
[[nodiscard]] std::string write_device_map(const DeviceMap& map, const Cluster& cluster);

// What goes with it for dispatch_model: main_device (accelerate's own choice differs from run to
// run), the order of devices, the graph's hash, how many nodes were moved.
[[nodiscard]] std::string write_device_map_notes(const DeviceMap& map, const Graph& graph,
                                                 const Cluster& cluster);

// {"node": "device"}, a node a line, in the graph's order.
[[nodiscard]] std::string write_assignment(const Graph& graph, const Cluster& cluster,
                                           const Placement& placement);

}  // namespace placer
