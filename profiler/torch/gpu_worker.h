#pragma once

// The thread of a GPU device: launches the device's ops in their order, each once all that it waits
// for was launched, or has ended where that is another device's host thread that says so.

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/stack.h>
#include <c10/core/Event.h>

#include "profiler/torch/gpu_to_host.h"
#include "profiler/torch/step_thread.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {

class GpuWorker final : public DeviceWorker {
 public:
  // `exit` belongs to the same device.
  GpuWorker(StepState& step, Transfers& transfers, GpuToHost& exit, std::uint32_t device,
            std::chrono::nanoseconds spin);

  void prepare_share() override;
  void hear(std::uint32_t op) override;

 private:
  // When a recorded op ran, by its stream.
  struct Times {
    c10::Event start;
    c10::Event end;
  };

  void become_ready() override;
  void run_share() override;
  void begin();
  void run_op(std::uint32_t node, std::size_t rank);
  void launch(std::uint32_t node, std::size_t rank);
  // Issues the transfers of what was launched, or of a source.
  void send(std::span<const std::uint32_t> sent, bool from_start);
  void issue(std::uint32_t transfer, const c10::Event* made);
  // Waits for all that was issued.
  void finish();
  void keep_times();
  [[nodiscard]] StepClock::time_point time_of(const c10::Event& event) const;

  Transfers& transfers_;
  GpuToHost& exit_;
  torch::jit::Stack stack_;
  std::vector<std::uint32_t> unread_;  // slots that nobody reads any more
  std::vector<bool> awaited_;          // [transfers]: the stream waits for it already
  c10::Event made_;                    // the op launched last has ended
  // The stream's first and last moment of the step, and the host's at the first.
  Times share_;
  StepClock::time_point began_;
  std::vector<Times> times_;  // [ops in order] when recorded
};

}  // namespace placer::profile
