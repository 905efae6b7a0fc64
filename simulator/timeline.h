#pragma once

// Turns what a StepRecorder saw into a Timeline.

#include <vector>

#include "simulator/recorder.h"
#include "simulator/simulate.h"
#include "simulator/simulator.h"

namespace placer::sim {

// `workspace` and `recorder` of the same run. Everything but the outcome.
[[nodiscard]] Timeline make_timeline(const CompiledGraph& graph, const Cluster& cluster,
                                     const Workspace& workspace, const StepRecorder& recorder);

// The chain that the last node waited for: from each node back to the input that came last, with
// the waits in between. Tiles [0, step time].
[[nodiscard]] std::vector<PathSegment> critical_segments(const CompiledGraph& graph,
                                                         const Workspace& workspace,
                                                         const StepRecorder& recorder);

}  // namespace placer::sim
