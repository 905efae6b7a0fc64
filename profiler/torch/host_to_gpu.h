#pragma once

// The entrance of a GPU: a thread that brings what CPU devices made into the GPU's memory, so that
// neither they nor the GPU's launches wait for the bytes.

#include <cstdint>
#include <vector>

#include "profiler/torch/inbox.h"
#include "profiler/torch/step_thread.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {

class HostToGpu final : public StepThread {
 public:
  HostToGpu(StepState& step, Transfers& transfers, std::uint32_t device,
            std::chrono::nanoseconds spin)
      : StepThread(step), transfers_(transfers), device_(device) {
    bell_.set_spin(spin);
  }

  void prepare_share() override;
  // The value of a transfer to this GPU is there. Called on any thread while a step runs.
  void hear(std::uint32_t transfer);

 private:
  void become_ready() override;
  void run_share() override;
  void bring(std::uint32_t transfer);

  Transfers& transfers_;
  const std::uint32_t device_;
  Inbox inbox_;
  std::vector<std::uint32_t> next_;   // [transfers], of inbox_
  std::vector<std::uint32_t> taken_;  // scratch
  std::size_t left_ = 0;              // transfers of this step
};

}  // namespace placer::profile
