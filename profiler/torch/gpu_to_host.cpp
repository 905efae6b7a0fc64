#include "profiler/torch/gpu_to_host.h"

#include "profiler/torch/device_thread.h"

namespace placer::profile {

void GpuToHost::become_ready() {
  become_helper("out " + step_.cluster.devices()[device_].name);
}

void GpuToHost::prepare_share() {
  issued_.assign(step_.plan.to_host[device_], kNone);
  count_.store(0);
  has_share_ = !issued_.empty();
}

void GpuToHost::hear(std::uint32_t transfer) {
  const std::size_t count = count_.load(std::memory_order_relaxed);
  issued_[count] = transfer;
  count_.store(count + 1);
  bell_.ring();
}

void GpuToHost::run_share() {
  for (std::size_t next = 0; next < issued_.size(); ++next) {
    bell_.wait([&] { return count_.load() > next; });
    const std::uint32_t transfer = issued_[next];
    if (!step_.has_failed()) {
      try {
        transfers_.synchronize(transfer);
      } catch (const std::exception& error) {
        transfers_.fail(device_, step_.plan.transfers[transfer].producer, "waiting for", error);
      }
    }
    now_ = StepClock::now();
    step_.tell(step_.plan.told.of(transfer));
  }
}

}  // namespace placer::profile
