#pragma once

// The threads that run steps. They start with the executor and sleep between steps.

#include <atomic>
#include <cstdint>
#include <limits>
#include <thread>

#include "profiler/torch/doorbell.h"
#include "profiler/torch/step_state.h"

namespace placer::profile {

// Not copied, not moved: its thread knows where it is. To be stopped before it goes away.
class StepThread {
 public:
  explicit StepThread(StepState& step) : step_(step) {}
  virtual ~StepThread() = default;
  StepThread(const StepThread&) = delete;
  StepThread& operator=(const StepThread&) = delete;

  // Returns once the thread is ready for steps; throws what become_ready() throws.
  void start();
  void stop();

  // On the caller's thread, before a step.
  virtual void prepare_share() = 0;
  // Runs its share, where it has one, and counts itself in StepState::running until it has ended.
  // `turn` counts steps from 1.
  void begin_share(std::uint64_t turn);
  // After the step: when it ended its share.
  [[nodiscard]] StepClock::time_point ended() const { return now_; }

 protected:
  // On its thread: first thing; once per step.
  virtual void become_ready() = 0;
  virtual void run_share() = 0;

  StepState& step_;
  Doorbell bell_;
  bool has_share_ = false;     // in the next step; set by prepare_share()
  StepClock::time_point now_;  // its latest look at the clock

 private:
  static constexpr std::uint64_t kStop = std::numeric_limits<std::uint64_t>::max();

  void serve();

  std::thread thread_;
  std::atomic<std::uint64_t> turn_{0};  // a step in which it has a share, or kStop
};

// The thread of a device: runs the device's ops, or launches them.
class alignas(64) DeviceWorker : public StepThread {
 public:
  DeviceWorker(StepState& step, std::uint32_t device) : StepThread(step), device_(device) {}

  // One of its ops waits for nothing any more. Called on any thread while a step runs.
  virtual void hear(std::uint32_t op) = 0;
  // After the step: time in ops.
  [[nodiscard]] double busy_seconds() const { return busy_seconds_; }
  // Of a GPU: processor time of this thread until all was launched.
  [[nodiscard]] double launch_seconds() const { return launch_seconds_; }

 protected:
  const std::uint32_t device_;
  double busy_seconds_ = 0;
  double launch_seconds_ = 0;
};

}  // namespace placer::profile
