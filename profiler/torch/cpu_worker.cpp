#include "profiler/torch/cpu_worker.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <c10/util/Exception.h>

#include "profiler/clocks.h"
#include "profiler/torch/host_to_gpu.h"

namespace placer::profile {

CpuWorker::CpuWorker(StepState& step, std::uint32_t device, DeviceThread place,
                     std::chrono::nanoseconds spin)
    : DeviceWorker(step, device), place_(std::move(place)) {
  bell_.set_spin(spin);
  ready_.reserve(step.program.ops.size());
  stack_.reserve(64);
  unread_.reserve(step.program.releases.items.size());
}

void CpuWorker::become_ready() {
  become(place_, step_.cluster.devices()[device_]);
}

void CpuWorker::prepare_share() {
  busy_ = StepClock::duration(0);
  busy_seconds_ = 0;
  left_ = step_.lowered.order[device_].size();
  ready_.assign(step_.lowered.ready[device_].begin(), step_.lowered.ready[device_].end());
  has_share_ = left_ != 0;
}

void CpuWorker::hear(std::uint32_t op) {
  inbox_.push(op, step_.next_in_inbox);
  bell_.ring();
}

void CpuWorker::push_ready(std::uint32_t op) {
  ready_.push_back(step_.lowered.rank[op]);
  std::ranges::push_heap(ready_, std::greater<>());
}

void CpuWorker::run_share() {
  const auto& order = step_.lowered.order[device_];
  now_ = StepClock::now();
  while (left_ != 0) {
    take_inbox();
    if (ready_.empty()) {
      bell_.wait([&] { return !inbox_.empty(); });
      now_ = StepClock::now();
      continue;
    }
    std::ranges::pop_heap(ready_, std::greater<>());
    const std::uint32_t node = order[ready_.back()];
    ready_.pop_back();
    --left_;
    run_op(node);
  }
  busy_seconds_ = std::chrono::duration<double>(busy_).count();
}

void CpuWorker::take_inbox() {
  if (inbox_.empty()) {
    return;
  }
  const StepClock::time_point seen = step_.record ? StepClock::now() : StepClock::time_point();
  for (std::uint32_t node = inbox_.take_all(); node != kNoNode; node = step_.next_in_inbox[node]) {
    if (step_.record) {
      step_.records[node].seen = seen;
    }
    push_ready(node);
  }
}

// After a failure the remaining ops are passed over: every counter reaches zero, every thread comes
// to its end, by the same path as in a step that succeeds.
void CpuWorker::run_op(std::uint32_t node) {
  if (step_.has_failed()) {
    announce(node);
    return;
  }
  if (step_.charge(node)) {
    call(node);
    if (step_.deadline) {
      step_.check_time(now_, node, device_);
    }
  }
  // The account first, so that no successor is refused what this op no longer needs; the memory
  // itself after, since that takes time which a successor need not wait for.
  step_.release_workspace(node);
  step_.settle(node, unread_);
  announce(node);
  for (const std::uint32_t slot : unread_) {
    step_.values[slot].reset();
  }
}

void CpuWorker::call(std::uint32_t node) {
  const StepClock::time_point start = step_.record ? StepClock::now() : now_;
  const double cpu = step_.record ? thread_seconds() : 0;
  try {
    step_.run(node, stack_);
  } catch (const c10::Error& error) {
    step_.fail_op(node, InfeasibleReason::kFailed, error.what_without_backtrace());
  } catch (const std::exception& error) {
    step_.fail_op(node, InfeasibleReason::kFailed, error.what());
  }
  now_ = StepClock::now();
  busy_ += now_ - start;
  if (step_.record) {
    OpRecord& kept = step_.records[node];
    kept.start = start;
    kept.end = now_;
    kept.cpu_seconds = thread_seconds() - cpu;
  }
}

void CpuWorker::announce(std::uint32_t node) {
  for (const std::uint32_t successor : step_.plan.successors.of(node)) {
    if (step_.pending[successor].fetch_sub(1) != 1) {
      continue;
    }
    const std::uint32_t device = step_.lowered.device[successor];
    if (device == device_) {
      push_ready(successor);
    } else {
      step_.workers[device]->hear(successor);
    }
  }
  for (const std::uint32_t transfer : step_.plan.sends.of(node)) {
    step_.entrances[step_.plan.transfers[transfer].to]->hear(transfer);
  }
}

}  // namespace placer::profile
