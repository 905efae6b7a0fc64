#pragma once

// How long an op takes on a GPU, apart from how long the host takes to launch it.
//
// The GPU is kept busy while the host launches the op several times: so that all of them run one
// after the other, without waiting for launches, and two events around them tell what they take. A
// batch that was not launched in time is launched again behind more work.

#include <functional>

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

namespace placer::profile {

class GpuOpTimer {
 public:
  // To be used on the thread that makes it, whose current stream becomes `stream`.
  explicit GpuOpTimer(const c10::Stream& stream);

  struct Sample {
    double seconds = 0;         // of the GPU, for one run
    double launch_seconds = 0;  // of the host, for one launch
  };
  // `run` launches the op once; `expected` is what it takes, as far as is known, else 0.
  [[nodiscard]] Sample time(const std::function<void()>& run, double expected);

 private:
  void keep_busy(double seconds);
  void find_busy_work();
  [[nodiscard]] double passed() const { return start_.elapsedTime(end_) / 1e3; }

  c10::Stream stream_;
  c10::Event start_;
  c10::Event end_;
  at::Tensor square_;  // its square keeps the GPU busy
  double busy_seconds_ = 0;
  double launch_seconds_ = 20e-6;  // what a launch takes at most, as far as is known
};

}  // namespace placer::profile
