#include "profiler/torch/gpu_op_timer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace placer::profile {

namespace {

constexpr double kBatchSeconds = 100e-6;  // events tell half a microsecond
constexpr int kMostRuns = 16;
constexpr int kTries = 4;
// Work that keeps the GPU busy is of this length at least, or of this size.
constexpr double kBusySeconds = 200e-6;
constexpr std::int64_t kSmallestSide = 256;
constexpr std::int64_t kLargestSide = 4096;

}  // namespace

GpuOpTimer::GpuOpTimer(const c10::Stream& stream)
    : stream_(stream),
      start_(stream.device_type(), c10::EventFlag::BACKEND_DEFAULT),
      end_(stream.device_type(), c10::EventFlag::BACKEND_DEFAULT) {
  const c10::impl::VirtualGuardImpl guard(stream.device_type());
  guard.setDevice(stream.device());
  guard.exchangeStream(stream);
  find_busy_work();
}

void GpuOpTimer::find_busy_work() {
  for (std::int64_t side = kSmallestSide; side <= kLargestSide && busy_seconds_ < kBusySeconds;
       side *= 2) {
    square_ = at::ones({side, side}, at::TensorOptions(stream_.device()));
    (void)at::mm(square_, square_);  // the first one is slow
    start_.record(stream_);
    (void)at::mm(square_, square_);
    end_.record(stream_);
    end_.synchronize();
    busy_seconds_ = passed();
  }
}

void GpuOpTimer::keep_busy(double seconds) {
  for (double kept = 0; kept < seconds; kept += busy_seconds_) {
    (void)at::mm(square_, square_);
  }
}

GpuOpTimer::Sample GpuOpTimer::time(const std::function<void()>& run, double expected) {
  const int runs = expected <= 0 ? 4
                                 : std::clamp(static_cast<int>(std::ceil(kBatchSeconds / expected)),
                                              1, kMostRuns);
  Sample sample;
  double busy = 1.5 * runs * launch_seconds_;
  for (int i = 0; i < kTries; ++i, busy *= 3) {
    keep_busy(busy);
    start_.record(stream_);
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < runs; ++k) {
      run();
    }
    const std::chrono::duration<double> launching = std::chrono::steady_clock::now() - begin;
    const bool in_time = !start_.query();
    end_.record(stream_);
    end_.synchronize();
    sample = {passed() / runs, launching.count() / runs};
    if (in_time || sample.seconds > 2 * sample.launch_seconds) {
      break;
    }
  }
  launch_seconds_ = std::clamp(sample.launch_seconds, launch_seconds_ / 2, 1e-3);
  return sample;
}

}  // namespace placer::profile
