#pragma once

// The rules of docs/simulator.md written for reading, not for speed: every loop looks at
// everything. Memory is counted from the finished schedule. What the real simulator is compared
// with.

#include <vector>

#include "placer/cost/cost_model.h"
#include "simulator/simulator.h"

namespace placer::sim::test {

struct ReferenceStep {
  SimTime step_time;
  std::vector<OpRecord> ops;              // by start, device, end, node
  std::vector<TransferRecord> transfers;  // by start, tensor, destination
  std::vector<Bytes> peak_memory;         // [devices]
  std::vector<Bytes> pool_peak;           // [pools]
};

[[nodiscard]] ReferenceStep reference_step(const CostModel& costs, const Placement& placement,
                                           const Model& model = {});

}  // namespace placer::sim::test
