#pragma once

// The thread of a CPU device: takes its ready op of highest priority, then lowest index, runs it,
// and tells those that wait for it.

#include <chrono>
#include <cstdint>
#include <vector>

#include <ATen/core/stack.h>

#include "profiler/torch/device_thread.h"
#include "profiler/torch/inbox.h"
#include "profiler/torch/step_thread.h"

namespace placer::profile {

class CpuWorker final : public DeviceWorker {
 public:
  // `spin`: how long it looks for work before it sleeps.
  CpuWorker(StepState& step, std::uint32_t device, DeviceThread place,
            std::chrono::nanoseconds spin);

  void prepare_share() override;
  void hear(std::uint32_t op) override;

 private:
  void become_ready() override;
  void run_share() override;
  void take_inbox();
  void push_ready(std::uint32_t op);
  void run_op(std::uint32_t node);
  void call(std::uint32_t node);
  void announce(std::uint32_t node);

  DeviceThread place_;
  Inbox inbox_;
  std::vector<std::uint32_t> ready_;  // heap of ranks, lowest on top
  std::size_t left_ = 0;              // ops of this step that it has not ended
  StepClock::duration busy_{0};
  torch::jit::Stack stack_;
  std::vector<std::uint32_t> unread_;  // slots that nobody reads any more
};

}  // namespace placer::profile
