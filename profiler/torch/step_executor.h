#pragma once

// The executor: prepares steps and waits for them, on the caller's thread. What runs them is one
// thread per device (cpu_worker.h, gpu_worker.h) and, for every GPU, one for what comes from the
// host and one for what goes there (host_to_gpu.h, gpu_to_host.h).

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profiler/executor.h"
#include "profiler/gpu/gpu_driver.h"
#include "profiler/torch/captured_step.h"
#include "profiler/torch/sources.h"
#include "profiler/torch/step_state.h"
#include "profiler/torch/step_thread.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {

class StepExecutor final : public Executor {
 public:
  // `driver`: the GPUs of the cluster's "cuda:N" devices; null where it has none.
  StepExecutor(const Graph& graph, const Cluster& cluster, const ExecutorOptions& options,
               GpuDriver* driver);
  ~StepExecutor() override;

  void place(const Placement& placement) override;
  StepReport step(double limit_seconds, bool record) override;
  std::string capture() override;
  void reset() override;
  Value output(NodeId output_node) const override;
  Value state(NodeId state_node) const override;

 private:
  void find_writes();
  void find_gpus(GpuDriver* driver);
  void start_threads();
  void stop_threads();
  void add_gpu(std::uint32_t device, std::chrono::nanoseconds spin);
  void plan_transfers(const Placement& placement);
  // Brings sources to the memory of their device; what stands in the way.
  [[nodiscard]] std::optional<Infeasible> move_sources();
  [[nodiscard]] std::optional<Infeasible> cannot_start();
  void prepare_threads(bool record);
  // Sets the step's start and deadline.
  void start_clock(double limit_seconds);
  void run_threads();
  [[nodiscard]] StepReport replay(double limit_seconds);
  void end_failed_step();
  void write_states();
  [[nodiscard]] StepReport report() const;
  // Of a step in which no device has worked.
  [[nodiscard]] StepReport idle_report(const std::optional<Infeasible>& problem) const;

  StepState step_;
  Sources sources_;
  std::vector<StateWrite> writes_;
  std::vector<std::uint32_t> holder_;  // [nodes]: the device that a source's value is on
  bool placed_ = false;

  std::optional<Transfers> transfers_;                  // of a cluster with GPUs
  std::vector<std::unique_ptr<DeviceWorker>> workers_;  // [devices]
  std::vector<std::unique_ptr<StepThread>> helpers_;    // of GPUs
  std::uint64_t turn_ = 0;                              // steps so far, failed ones too
  std::optional<CapturedStep> captured_;                // in place of ops
};

}  // namespace placer::profile
