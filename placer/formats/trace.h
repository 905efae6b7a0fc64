#pragma once

// Chrome/Perfetto JSON traces, one writer for simulated and measured steps: a process per device,
// ops and transfers as slices.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/base/units.h"
#include "placer/cluster/cluster.h"
#include "placer/graph/graph.h"

namespace placer {

struct TraceOp {
  NodeId node{};
  DeviceId device{};
  SimTime start;
  SimTime end;
};
struct TraceTransfer {
  TensorRef tensor;
  DeviceId from{};
  DeviceId to{};
  SimTime start;
  SimTime end;
};
struct StepTrace {
  std::string title;  // "simulated", "measured"
  std::vector<TraceOp> ops;
  std::vector<TraceTransfer> transfers;
};

// Slices on one track never overlap (Perfetto drops those that do): transfers that would are put on
// further tracks of their device.
[[nodiscard]] std::string write_trace(const Graph& graph, const Cluster& cluster,
                                      const StepTrace& trace);

}  // namespace placer
