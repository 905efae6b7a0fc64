#pragma once

// What the threads of a step share: values, what still waits for what, live memory, the first
// failure.
//
// An op of a CPU device has ended when its results are there; one of a GPU when it was launched:
// whoever reads its results is ordered behind it by streams and events (transfers.h).

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include "profiler/executor.h"
#include "profiler/torch/doorbell.h"
#include "profiler/torch/memory_account.h"
#include "profiler/torch/op_binding.h"
#include "profiler/torch/program.h"
#include "profiler/torch/step_plan.h"
#include "profiler/torch/step_record.h"

namespace placer::profile {

using StepClock = std::chrono::steady_clock;

class DeviceWorker;
class HostToGpu;

// A new value of a state at the end of a step.
struct StateWrite {
  std::uint32_t node = 0;  // the output
  std::size_t state = 0;   // its tensor
  bool copied = false;     // the value's memory is another state's too
};

struct StepState {
  StepState(const Graph& graph, const Cluster& cluster, const ExecutorOptions& options);

  [[nodiscard]] std::span<const at::Tensor* const> inputs_of(std::uint32_t node) const {
    const auto slots = plan.inputs.of(node);
    return {input_values.data() + (slots.data() - plan.inputs.items.data()), slots.size()};
  }
  [[nodiscard]] std::span<at::Tensor> outputs_of(std::uint32_t node) {
    const Node& description = graph.nodes()[node];
    const auto first =
        description.outputs.empty() ? 0 : graph.tensor_index({id_at<NodeId>(node), 0});
    return {values.data() + first, description.outputs.size()};
  }

  // Between steps.
  // After `plan` was replaced: room for its slots, input_values.
  void take_plan();
  void prepare(bool record);
  void drop_step_values();

  // While a step runs, on any thread.
  // Runs the op on this thread; until a step has succeeded, checks what it gives.
  //   throws  what the op throws; std::runtime_error for another result than the graph says
  void run(std::uint32_t node, torch::jit::Stack& stack);
  // Takes what the op needs onto its device's account: its results, and until release_workspace() its
  // workspace. Whether it fits: else the step has failed.
  [[nodiscard]] bool charge(std::uint32_t node);
  void release_workspace(std::uint32_t node);
  // `node` needs what it read no longer: takes what nobody reads any more off the account.
  //   unread  slots whose values are to be dropped
  void settle(std::uint32_t node, std::vector<std::uint32_t>& unread);
  // The same for one reader of a slot; whether it was the last.
  [[nodiscard]] bool release(std::uint32_t slot);
  // What these waited for is over.
  void tell(std::span<const std::uint32_t> ops);
  void fail(Infeasible reason);
  void fail_op(std::uint32_t node, InfeasibleReason reason, const char* text);
  [[nodiscard]] bool has_failed() const { return failed.load(std::memory_order_relaxed); }
  // Fails a step that is over its time, at `node`.
  void check_time(StepClock::time_point now, std::optional<std::uint32_t> node,
                  std::uint32_t device);
  [[nodiscard]] Infeasible out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                         Bytes missing) const;

  const Graph& graph;
  const Cluster& cluster;
  const ExecutorOptions options;
  const Program program;
  std::vector<std::optional<BoundOp>> ops;  // [nodes]
  MemoryAccount account;

  // Of the placement.
  Lowered lowered;
  StepPlan plan;
  std::vector<at::Tensor> values;               // [slots]; undefined while not alive
  std::vector<const at::Tensor*> input_values;  // as StepPlan::inputs.items, into values
  std::uint64_t step_number = 0;
  bool results_checked = false;

  // Of the step.
  std::vector<std::atomic<std::uint32_t>> pending;  // [nodes] ops and transfers to wait for
  std::vector<std::atomic<std::uint32_t>> readers;  // [slots] left
  std::vector<std::atomic<std::uint32_t>> handles;  // [slots] left
  std::vector<std::uint32_t> next_in_inbox;         // [nodes]
  std::vector<OpRecord> records;                    // [nodes] when recorded
  std::vector<StepClock::time_point> arrivals;      // [transfers] when recorded
  bool record = false;
  bool capturing = false;  // ops are captured instead of run (captured_step.h)
  StepClock::time_point start;
  std::optional<StepClock::time_point> deadline;
  double limit_seconds = 0;
  std::atomic<bool> failed{false};
  std::mutex failure_mutex;
  std::optional<Infeasible> failure;

  // [devices]: of all devices; of GPUs only.
  std::vector<DeviceWorker*> workers;
  std::vector<HostToGpu*> entrances;
  std::atomic<std::size_t> running{0};  // threads that have not ended their share
  Doorbell done;

 private:
  void check_results(std::uint32_t node) const;
};

}  // namespace placer::profile
