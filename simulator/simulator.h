#pragma once

// Predicts the time of one step for a placement: an event simulation with the executor's own schedule rule.
// What it models and what it leaves out: docs/simulator.md.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"

namespace placer::sim {

struct SimulatorOptions {
  int threads = 1;                      // for batches
  std::vector<Bytes> memory_limit;      // [devices]; empty: the cluster's
};

// An op that ran, or a tensor that crossed a link.
struct OpRecord {
  NodeId node{};
  DeviceId device{};
  SimTime start;
  SimTime end;
};
struct TransferRecord {
  TensorRef tensor;
  DeviceId from{};
  DeviceId to{};
  SimTime start;     // link held from here
  SimTime released;  // link free again
  SimTime arrival;   // usable at the destination
};

// Everything about one simulated step.
struct Timeline {
  Outcome outcome;
  std::vector<OpRecord> ops;              // by start, then device
  std::vector<TransferRecord> transfers;  // by start
  std::vector<Bytes> link_bytes;          // [links]
  std::vector<NodeId> critical_path;      // a chain of ops that explains the step time, by data, transfer or a busy device
};

class Simulator : public Evaluator {
 public:
  // The simulated timeline of one placement, infeasible ones too (out of memory: as if there were enough).
  [[nodiscard]] virtual Timeline timeline(const Placement& placement) = 0;
};

// `costs` must outlive the simulator.
[[nodiscard]] std::unique_ptr<Simulator> make_simulator(const CostModel& costs, const SimulatorOptions& options);

}  // namespace placer::sim
