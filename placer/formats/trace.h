#pragma once

// Chrome/Perfetto JSON traces, one writer for simulated and measured steps: a process per device,
// ops and transfers as slices, memory as a counter.

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
// From `time` on, the device holds so many bytes.
struct TraceMemory {
  DeviceId device{};
  SimTime time;
  Bytes bytes;
};
struct StepTrace {
  std::string title;  // "simulated", "measured"
  std::vector<TraceOp> ops;
  std::vector<TraceTransfer> transfers;
  std::vector<TraceMemory> memory{};  // may be empty
};

// Times are rounded to whole nanoseconds. A transfer is a slice at its sender and one at its
// receiver, joined by a flow arrow. Slices on one track never overlap (Perfetto drops those that
// do): those that would are put on further tracks of their device.
[[nodiscard]] std::string write_trace(const Graph& graph, const Cluster& cluster,
                                      const StepTrace& trace);

}  // namespace placer
