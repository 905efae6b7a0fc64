#pragma once

// The exit of a GPU: a thread that waits for transfers to the host, in the order of the stream that
// makes them, and tells the CPU devices, which so never wait for a copy while they could work.

#include <atomic>
#include <cstdint>
#include <vector>

#include "profiler/torch/step_thread.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {

class GpuToHost final : public StepThread {
 public:
  GpuToHost(StepState& step, Transfers& transfers, std::uint32_t device,
            std::chrono::nanoseconds spin)
      : StepThread(step), transfers_(transfers), device_(device) {
    bell_.set_spin(spin);
  }

  void prepare_share() override;
  // A transfer to the host was issued, or passed over in a step that failed. Called by the GPU's
  // worker, in the order of issue.
  void hear(std::uint32_t transfer);

 private:
  void become_ready() override;
  void run_share() override;

  Transfers& transfers_;
  const std::uint32_t device_;
  std::vector<std::uint32_t> issued_;  // [transfers to the host], in order
  std::atomic<std::size_t> count_{0};  // of issued_
};

}  // namespace placer::profile
