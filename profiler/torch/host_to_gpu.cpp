#include "profiler/torch/host_to_gpu.h"

#include <algorithm>

#include <fmt/format.h>

#include "profiler/torch/device_thread.h"

namespace placer::profile {

void HostToGpu::become_ready() {
  become_helper("in " + step_.cluster.devices()[device_].name);
}

void HostToGpu::prepare_share() {
  next_.assign(step_.plan.transfers.size(), kNoNode);
  left_ = step_.plan.from_host[device_];
  has_share_ = left_ != 0;
}

void HostToGpu::hear(std::uint32_t transfer) {
  inbox_.push(transfer, next_);
  bell_.ring();
}

void HostToGpu::run_share() {
  for (const std::uint32_t transfer : step_.plan.enter_first[device_]) {
    bring(transfer);
  }
  while (left_ != 0) {
    bell_.wait([&] { return !inbox_.empty(); });
    taken_.clear();
    for (std::uint32_t t = inbox_.take_all(); t != kNoNode; t = next_[t]) {
      taken_.push_back(t);
    }
    std::ranges::reverse(taken_);  // first come, first served
    for (const std::uint32_t transfer : taken_) {
      bring(transfer);
    }
  }
  try {
    drain(transfers_.streams(device_).copy_in);
  } catch (const std::exception& error) {
    transfers_.fail(device_, std::nullopt, "ending the copies of a step", error);
  }
  now_ = StepClock::now();
}

void HostToGpu::bring(std::uint32_t transfer) {
  const Transfer& moved = step_.plan.transfers[transfer];
  --left_;
  if (!step_.has_failed()) {
    try {
      const std::int64_t missing = step_.account.charge(device_, step_.plan.bytes[moved.copy]);
      if (missing > 0) {
        step_.fail(step_.out_of_memory(device_, moved.producer, {missing}));
      } else {
        transfers_.enter(transfer);
      }
    } catch (const std::exception& error) {
      transfers_.fail(device_, moved.producer, "copying the result of", error);
    }
    if (step_.plan.readers[moved.value] != 0 && step_.release(moved.value)) {
      step_.values[moved.value].reset();
    }
  }
  step_.tell(step_.plan.told.of(transfer));
}

}  // namespace placer::profile
