// Captured work of the stand-in GPUs.

#include <mutex>

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "tests/profiler/gpu/torch/stand_in_machine.h"

namespace placer::testing {

namespace {

class Capture final : public profile::GpuGraph {
 public:
  explicit Capture(int gpu) : gpu_(gpu), stream_(number_of(current_stream(gpu))) {
    machine().streams.begin_capture(stream_);
  }
  ~Capture() override {
    if (machine().streams.captured(stream_)) {
      (void)machine().streams.end_capture(stream_);
    }
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  void end_capture() override {
    auto work = machine().streams.end_capture(stream_);
    if (!work) {
      throw Error(ErrorKind::kDevice, fmt::format("cuda:{}: the capture was invalidated", gpu_));
    }
    work_ = *std::move(work);
  }

  void replay(std::uint64_t seed) override {
    require_alive(gpu_);
    machine().streams.push(number_of(current_stream(gpu_)), [seed] {
      at::Generator generator = at::detail::getDefaultCPUGenerator();
      const std::scoped_lock lock(generator.mutex());
      generator.set_current_seed(seed);
    });
    for (const std::function<void()>& work : work_) {
      machine().streams.push(number_of(current_stream(gpu_)), work);
    }
  }

 private:
  const int gpu_;
  const int stream_;
  StandInStreams::Work work_;
};

}  // namespace

std::unique_ptr<profile::GpuGraph> stand_in_capture(int gpu) {
  return std::make_unique<Capture>(gpu);
}

}  // namespace placer::testing
