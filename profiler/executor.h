#pragma once

// Runs real steps of a graph under a placement: each op through LibTorch's dispatcher, each device
// a worker.
//
// Schedule rule (the simulator's too): a CPU device takes the ready op of highest priority, then
// lowest index. A GPU is launched in one order, by priority, every op after what it waits for
// (docs/gpu.md). Tensors are released when their last reader is done; state stays on its device
// between steps.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/graph/graph.h"
#include "placer/placement/placement.h"

namespace placer::profile {

struct ExecutorOptions {
  std::uint64_t seed = 1;  // of state without recorded values, inputs and random ops
  std::string weights;     // archive to read state from; empty: the graph's own, when the file is
                           // there; else seeded
  // Ignore recorded weights: the documented initialiser gives every state its value.
  bool seeded_state = false;
  std::vector<Bytes> memory_limit;  // [devices]; empty: the cluster's
  // [graph.size()]: for placements without their own, as the simulator's (default_priority); empty:
  // the graph's order.
  std::vector<std::int64_t> priority;
};

// When an op ran, relative to the step's start.
struct OpRun {
  NodeId node{};
  DeviceId device{};
  double start_seconds = 0;
  double end_seconds = 0;
  double cpu_seconds = 0;  // of the worker's thread
};
struct HandOff {
  TensorRef tensor;
  DeviceId from{};
  DeviceId to{};
  double start_seconds = 0;  // the producer's end
  double end_seconds = 0;    // seen by the reader's worker, or the copy's end
};

struct StepReport {
  std::optional<Infeasible> infeasible;  // out of memory, time-out, an op that threw
  double wall_seconds = 0;
  std::vector<Bytes> peak_memory;  // [devices], by accounting of live bytes
  // [devices], in ops; of a GPU, unless recorded, from its first op to its last.
  std::vector<double> busy_seconds;
  // [devices], processor time of the thread that launches: a GPU's ops, or its captured step.
  std::vector<double> launch_seconds;
  std::vector<OpRun> ops;          // when recorded
  std::vector<HandOff> hand_offs;  // when recorded
};

// A tensor's bytes, for tests and goldens.
struct Value {
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::string data;  // row-major, little-endian
};

class Executor {
 public:
  virtual ~Executor() = default;

  // Prepares to run under `placement`; keeps the state's current values (moves them).
  virtual void place(const Placement& placement) = 0;
  // Runs one step. `limit_seconds`: a step that takes longer is ended at the next op boundary as
  // kTimeOut (0: no limit); what was launched on a GPU runs to its end first. After a device was
  // lost, this and every further step is kCrashed. After an infeasible step the state has its values of before the step
  // where no update has run, else call reset().
  [[nodiscard]] virtual StepReport step(double limit_seconds, bool record) = 0;
  // Makes every further step under this placement one launch, a CUDA graph, until place(), reset() or
  // a recorded step. After a feasible step.
  //   returns  why that cannot be, and steps go on as before; empty: it is so
  [[nodiscard]] virtual std::string capture() = 0;
  // State back to its first values, step counter to 0.
  virtual void reset() = 0;

  // After a feasible step: the value an output node held, or a state's present value.
  [[nodiscard]] virtual Value output(NodeId output_node) const = 0;
  [[nodiscard]] virtual Value state(NodeId state_node) const = 0;
};

// Resolves every op and argument against the dispatcher and starts a worker per device ("cpu:N"
// pinned to its core with intra-op threads off; "cpu" all cores in one op; "cuda:N" and its parts
// launched by a thread).
//   throws  Error(kUsage) listing every op that this LibTorch lacks or whose arguments do not fit
//           its schema, with node names; Error(kDevice) for a device that is not there.
// References outlive the executor.
[[nodiscard]] std::unique_ptr<Executor> make_executor(const Graph& graph, const Cluster& cluster,
                                                      const ExecutorOptions& options);

}  // namespace placer::profile
