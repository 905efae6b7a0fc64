#include "simulator/simulate.h"

namespace placer::sim {

namespace {

template <typename Recorder>
void run(const CompiledGraph& graph, Workspace& workspace, Recorder& recorder) {
  if (graph.model.order == Order::kFixed) {
    run_fixed_order(graph, workspace, recorder);
  } else {
    run_events(graph, workspace, recorder);
  }
}

}  // namespace

void simulate(const CompiledGraph& graph, Workspace& workspace) {
  SilentRecorder recorder;
  run(graph, workspace, recorder);
}

void simulate(const CompiledGraph& graph, Workspace& workspace, StepRecorder& recorder) {
  run(graph, workspace, recorder);
}

}  // namespace placer::sim
