#pragma once

// What a recorded step keeps of its ops, and how that becomes a report.

#include <chrono>
#include <span>

#include "placer/graph/graph.h"
#include "profiler/executor.h"
#include "profiler/torch/program.h"
#include "profiler/torch/step_plan.h"

namespace placer::profile {

struct OpRecord {
  using Time = std::chrono::steady_clock::time_point;
  Time
      seen;  // taken from a CPU worker's inbox; the clock's zero: it became ready on its own device
  Time start;
  Time end;
  double cpu_seconds = 0;
};

// Adds ops, by start, and hand-offs, each tensor once per device that reads it, to the report of a
// step that began at `start`.
//   records   [nodes]
//   arrivals  [transfers]: when copies to GPUs were there
void add_records(const Graph& graph, const Program& program, const Lowered& lowered,
                 const StepPlan& plan, std::span<const OpRecord> records,
                 std::span<const OpRecord::Time> arrivals, OpRecord::Time start,
                 StepReport& report);

}  // namespace placer::profile
