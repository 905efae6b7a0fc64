#pragma once

// One simulated step of the placement that a workspace has loaded. The rules are docs/simulator.md,
// in the order of the code. Each is compiled with and without recording, so that a search pays
// nothing for what it does not look at. Nothing is allocated but by a StepRecorder.

#include "simulator/compiled_graph.h"
#include "simulator/recorder.h"
#include "simulator/workspace.h"

namespace placer::sim {

// By the rules of graph.model.
void simulate(const CompiledGraph& graph, Workspace& workspace);
void simulate(const CompiledGraph& graph, Workspace& workspace, StepRecorder& recorder);

// Orders kPriority and kReadyTime, event by event: O((V + E) log V).
template <typename Recorder>
void run_events(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder);

// Order kFixed, op by op: O(V + E); with memory O((V + E) log V).
template <typename Recorder>
void run_fixed_order(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder);

}  // namespace placer::sim
