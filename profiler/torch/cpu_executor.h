#pragma once

// The executor of CPU devices. A step is run by one thread per device (executor_worker.cpp); the
// caller's thread (executor.cpp) prepares it and waits.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include "profiler/executor.h"
#include "profiler/torch/device_thread.h"
#include "profiler/torch/doorbell.h"
#include "profiler/torch/inbox.h"
#include "profiler/torch/memory_account.h"
#include "profiler/torch/op_binding.h"
#include "profiler/torch/program.h"
#include "profiler/torch/sources.h"
#include "profiler/torch/step_record.h"

namespace placer::profile {

using StepClock = std::chrono::steady_clock;

inline constexpr std::uint64_t kStop = std::numeric_limits<std::uint64_t>::max();

struct alignas(64) DeviceWorker {
  std::uint32_t device = 0;
  DeviceThread place;
  std::thread thread;
  Doorbell bell;
  std::atomic<std::uint64_t> turn{0};  // a step in which it has ops, or kStop; counted from 1
  Inbox inbox;
  std::vector<std::uint32_t> ready;  // heap of ranks, lowest on top
  std::size_t left = 0;              // ops of this step that it has not ended
  StepClock::time_point now;         // its latest look at the clock
  StepClock::duration busy{0};
  torch::jit::Stack stack;
  std::vector<std::uint32_t> unread;  // tensors that nobody reads any more
};

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(const Graph& graph, const Cluster& cluster, const ExecutorOptions& options);
  ~CpuExecutor() override;

  void place(const Placement& placement) override;
  StepReport step(double limit_seconds, bool record) override;
  void reset() override;
  Value output(NodeId output_node) const override;
  Value state(NodeId state_node) const override;

 private:
  // On the workers.
  void work(DeviceWorker& worker, std::promise<void>& started);
  void run_share(DeviceWorker& worker);
  void take_inbox(DeviceWorker& worker);
  void run_op(DeviceWorker& worker, std::uint32_t node);
  void call(DeviceWorker& worker, std::uint32_t node);
  void check_results(std::uint32_t node) const;
  void announce(DeviceWorker& worker, std::uint32_t node);
  // Takes what `node` was the last to read off the account; `unread` are the tensors to drop.
  void settle(std::uint32_t node, std::vector<std::uint32_t>& unread);
  void fail(Infeasible reason);
  [[nodiscard]] Infeasible out_of_memory(std::uint32_t device, std::optional<std::uint32_t> node,
                                         Bytes missing) const;

  // On the caller's thread.
  void start_workers();
  void stop_workers();
  void drop_step_values();
  void prepare_step(double limit_seconds, bool record);
  void run_workers();
  void write_states();
  [[nodiscard]] StepReport report(StepClock::time_point start) const;

  [[nodiscard]] std::span<const at::Tensor* const> inputs_of(std::uint32_t node) const {
    const auto tensors = program_.inputs.of(node);
    return {input_values_.data() + (tensors.data() - program_.inputs.items.data()), tensors.size()};
  }
  [[nodiscard]] std::span<at::Tensor> outputs_of(std::uint32_t node) {
    const Node& description = graph_.nodes()[node];
    const auto first =
        description.outputs.empty() ? 0 : graph_.tensor_index({id_at<NodeId>(node), 0});
    return {values_.data() + first, description.outputs.size()};
  }

  const Graph& graph_;
  const Cluster& cluster_;
  ExecutorOptions options_;
  Program program_;
  std::vector<std::optional<BoundOp>> ops_;  // [nodes]
  Sources sources_;
  MemoryAccount account_;
  Lowered lowered_;
  bool placed_ = false;

  std::vector<at::Tensor> values_;               // [tensors]; undefined while not alive
  std::vector<const at::Tensor*> input_values_;  // as Program::inputs.items, into values_
  // State's tensor <- tensor, at the end of a step.
  std::vector<std::pair<std::size_t, std::size_t>> writes_;
  std::vector<bool> copied_;  // [writes_]: the value's memory is another state's too
  std::uint64_t step_number_ = 0;
  bool results_checked_ = false;

  // Of the step that runs.
  std::vector<std::atomic<std::uint32_t>> pending_;  // [nodes] ops to wait for
  std::vector<std::atomic<std::uint32_t>> readers_;  // [tensors] left
  std::vector<std::atomic<std::uint32_t>> handles_;  // [tensors] left
  std::vector<std::uint32_t> next_in_inbox_;         // [nodes]
  std::vector<OpRecord> records_;                    // [nodes] when recorded
  bool record_ = false;
  std::optional<StepClock::time_point> deadline_;
  double limit_seconds_ = 0;
  std::atomic<bool> failed_{false};
  std::mutex failure_mutex_;
  std::optional<Infeasible> failure_;

  std::vector<std::unique_ptr<DeviceWorker>> workers_;  // [devices]
  std::uint64_t turn_ = 0;                              // steps so far, failed ones too
  std::atomic<std::size_t> running_{0};                 // workers that have not ended their share
  Doorbell done_;
};

}  // namespace placer::profile
