#pragma once

// Predicts the time of one step for a placement: an event simulation with the executor's own
// schedule rule. What it models and what it leaves out: docs/simulator.md.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"
#include "simulator/model.h"

namespace placer::sim {

struct SimulatorOptions {
  int threads = 1;                    // for batches
  std::vector<Bytes> memory_limit{};  // [devices]; empty: the cluster's
  Model model{};                      // what of a step is modelled
};

// An op that ran, or a tensor that crossed a link.
struct OpRecord {
  NodeId node{};
  DeviceId device{};
  SimTime start;
  SimTime end;

  bool operator==(const OpRecord&) const = default;
};
struct TransferRecord {
  TensorRef tensor;
  DeviceId from{};
  DeviceId to{};
  SimTime start;     // link held from here
  SimTime released;  // link free again
  SimTime arrival;   // usable at the destination

  bool operator==(const TransferRecord&) const = default;
};

// A piece of the critical path. Its pieces follow one another without gaps from 0 to the end of the
// last op.
struct PathSegment {
  enum class Kind : std::uint8_t {
    kOp,          // `node` runs on `device`
    kTransfer,    // a result of `node` travels to `device`: occupancy and latency
    kLinkWait,    // that transfer waits for an end of its link
    kDeviceWait,  // `node` is ready and waits for `device`
    kLaunch,      // the host launches the ops before `node`, and `node`
  };
  Kind kind = Kind::kOp;
  NodeId node{};
  DeviceId device{};
  SimTime start;
  SimTime end;

  bool operator==(const PathSegment&) const = default;
};

// From `time` on, `device` holds so many bytes.
struct MemoryPoint {
  DeviceId device{};
  SimTime time;
  Bytes bytes;

  bool operator==(const MemoryPoint&) const = default;
};

// Everything about one simulated step. Out of memory: the schedule as if there were enough.
struct Timeline {
  Outcome outcome;
  SimTime step_time;                      // also when out of memory
  std::vector<OpRecord> ops;              // by start, then device
  std::vector<TransferRecord> transfers;  // by start, then tensor, then destination
  std::vector<Bytes> link_bytes;          // [links]: copied or handed over
  std::vector<Bytes> pool_peak;           // [pools]
  std::vector<MemoryPoint> memory;        // every change, by time, then device; up to the step time
  std::vector<PathSegment> path;          // from 0 to the step time
  std::vector<NodeId> critical_path;      // the ops on it, in order
};

class Simulator : public Evaluator {
 public:
  // The simulated timeline of one placement, infeasible ones too. An unsupported op: no records.
  [[nodiscard]] virtual Timeline timeline(const Placement& placement) = 0;
};

// `costs` must outlive the simulator. Outcomes have busy time and peak memory of every device; one
// that is out of memory names the device or pool that is short by most (lowest first among equals);
// timeline() adds the five largest tensors alive at that time.
//   throws  Error(kUsage) when all times together exceed 2^62 ps (53 days)
[[nodiscard]] std::unique_ptr<Simulator> make_simulator(const CostModel& costs,
                                                        const SimulatorOptions& options);

}  // namespace placer::sim
