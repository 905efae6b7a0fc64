#pragma once

// A whole step of one GPU as a single launch: its ops are captured once, then replayed (CUDA
// graphs), which spares the host the launches.
//
// What is captured reads and writes the memory that it had then. So while steps are replayed a
// state keeps its memory: what a step gives it is copied there at the end, as part of the capture.
// All random ops of a step draw from one generator in turn, so their numbers are others than op by
// op; they depend on the seed and the step, as those do.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <c10/core/Event.h>

#include "profiler/gpu/gpu_driver.h"
#include "profiler/torch/step_state.h"
#include "profiler/torch/transfers.h"

namespace placer::profile {

// Why steps of the present plan cannot be captured as a whole: they are not all of one GPU. Empty:
// nothing is known against it. `transfers`: null where there are no GPUs.
[[nodiscard]] std::string cannot_capture(const StepState& step, const Transfers* transfers);

class CapturedStep {
 public:
  // Captures what `launch` gives the GPU's compute stream (on any thread), then `writes`. With
  // StepState::capturing set; a failure of the launches is in StepState::failure.
  //   throws  Error(kDevice) for what cannot be captured
  CapturedStep(StepState& step, Transfers& transfers, std::span<const StateWrite> writes,
               const std::function<void()>& launch);

  [[nodiscard]] std::uint32_t device() const { return device_; }
  // Launches the step, as StepState::step_number, and waits for its end. Throws what LibTorch and the driver throw.
  void replay();
  // Of the last replay: the GPU's time from the first op to the last, the host's processor time.
  [[nodiscard]] double busy_seconds() const { return busy_seconds_; }
  [[nodiscard]] double launch_seconds() const { return launch_seconds_; }

 private:
  void keep_outputs();
  void write_states(std::span<const StateWrite> writes);

  StepState& step_;
  const std::uint32_t device_;
  const GpuStreams& streams_;
  std::unique_ptr<GpuGraph> graph_;
  c10::Event start_;
  c10::Event end_;
  double busy_seconds_ = 0;
  double launch_seconds_ = 0;
};

}  // namespace placer::profile
