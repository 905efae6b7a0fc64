#include "profiler/torch/gpu_worker.h"

#include <algorithm>

#include <c10/core/impl/VirtualGuardImpl.h>

#include "profiler/clocks.h"
#include "profiler/torch/device_thread.h"

namespace placer::profile {

GpuWorker::GpuWorker(StepState& step, Transfers& transfers, GpuToHost& exit, std::uint32_t device,
                     std::chrono::nanoseconds spin)
    : DeviceWorker(step, device),
      transfers_(transfers),
      exit_(exit),
      made_(transfers.streams(device).device.type()),
      share_{timed_event(transfers.streams(device)), timed_event(transfers.streams(device))} {
  bell_.set_spin(spin);
  stack_.reserve(64);
}

void GpuWorker::become_ready() {
  become_helper(step_.cluster.devices()[device_].name);
  const GpuStreams& streams = transfers_.streams(device_);
  const c10::impl::VirtualGuardImpl guard(streams.device.type());
  guard.setDevice(streams.device);
  guard.exchangeStream(streams.compute);
}

void GpuWorker::prepare_share() {
  busy_seconds_ = 0;
  launch_seconds_ = 0;
  awaited_.assign(step_.plan.transfers.size(), false);
  const auto& order = step_.lowered.order[device_];
  while (step_.record && times_.size() < order.size()) {
    const GpuStreams& streams = transfers_.streams(device_);
    times_.push_back({timed_event(streams), timed_event(streams)});
  }
  has_share_ = !order.empty() || !step_.plan.leave_first[device_].empty();
}

void GpuWorker::hear(std::uint32_t /*op*/) {
  bell_.ring();  // it looks at the op whose turn it is
}

void GpuWorker::run_share() {
  const auto& order = step_.lowered.order[device_];
  const double cpu = thread_seconds();
  if (!step_.capturing) {
    begin();
  }
  send(step_.plan.leave_first[device_], true);
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    bell_.wait([&] { return step_.pending[order[rank]].load() == 0; });
    run_op(order[rank], rank);
  }
  launch_seconds_ = thread_seconds() - cpu;
  if (step_.capturing) {
    now_ = StepClock::now();  // nothing runs that could be waited for
  } else {
    finish();
  }
}

void GpuWorker::begin() {
  try {
    share_.start.record(transfers_.streams(device_).compute);
    began_ = StepClock::now();
  } catch (const std::exception& error) {
    transfers_.fail(device_, std::nullopt, "beginning a step", error);
  }
}

// A step that failed is passed over as on a CPU device (cpu_worker.cpp).
void GpuWorker::run_op(std::uint32_t node, std::size_t rank) {
  if (!step_.has_failed()) {
    if (step_.charge(node)) {
      launch(node, rank);
    }
    step_.release_workspace(node);
  }
  send(step_.plan.sends.of(node), false);
  if (!step_.has_failed()) {
    step_.settle(node, unread_);
    for (const std::uint32_t slot : unread_) {
      step_.values[slot].reset();
    }
  }
  step_.tell(step_.plan.successors.of(node));
}

void GpuWorker::launch(std::uint32_t node, std::size_t rank) {
  const c10::Stream& compute = transfers_.streams(device_).compute;
  try {
    for (const std::uint32_t transfer : step_.plan.arrives.of(node)) {
      if (!awaited_[transfer]) {
        awaited_[transfer] = true;
        transfers_.await(transfer, device_);
      }
    }
    const double cpu = step_.record ? thread_seconds() : 0;
    if (step_.record) {
      times_[rank].start.record(compute);
    }
    step_.run(node, stack_);
    if (step_.record) {
      times_[rank].end.record(compute);
      step_.records[node].cpu_seconds = thread_seconds() - cpu;
    }
    if (step_.deadline) {
      step_.check_time(StepClock::now(), node, device_);
    }
  } catch (const std::exception& error) {
    transfers_.fail(device_, node, step_.graph.nodes()[node].op.c_str(), error);
  }
}

void GpuWorker::send(std::span<const std::uint32_t> sent, bool from_start) {
  if (sent.empty()) {
    return;
  }
  if (!from_start && !step_.has_failed()) {
    try {
      made_.record(transfers_.streams(device_).compute);
    } catch (const std::exception& error) {
      transfers_.fail(device_, step_.plan.transfers[sent.front()].producer, "waiting for", error);
    }
  }
  for (const std::uint32_t transfer : sent) {
    if (!step_.has_failed()) {
      issue(transfer, from_start ? nullptr : &made_);
    }
    if (transfers_.is_gpu(step_.plan.transfers[transfer].to)) {
      step_.tell(step_.plan.told.of(transfer));
    } else {
      exit_.hear(transfer);
    }
  }
}

void GpuWorker::issue(std::uint32_t transfer, const c10::Event* made) {
  const Transfer& moved = step_.plan.transfers[transfer];
  try {
    if (moved.copy != kNone) {
      const std::int64_t missing = step_.account.charge(moved.to, step_.plan.bytes[moved.copy]);
      if (missing > 0) {
        step_.fail(step_.out_of_memory(moved.to, moved.producer, {missing}));
        return;
      }
    }
    transfers_.leave(transfer, made);
  } catch (const std::exception& error) {
    transfers_.fail(device_, moved.producer, "copying the result of", error);
  }
  if (moved.value != kNone && step_.plan.readers[moved.value] != 0 && step_.release(moved.value)) {
    step_.values[moved.value].reset();
  }
}

void GpuWorker::finish() {
  const GpuStreams& streams = transfers_.streams(device_);
  try {
    share_.end.record(streams.compute);
    drain(streams.compute);
    drain(streams.copy_out);
    for (std::uint32_t t = 0; t < step_.plan.transfers.size(); ++t) {
      const Transfer& moved = step_.plan.transfers[t];
      // Nobody waits for new values of another GPU's state.
      if (moved.from == device_ && transfers_.is_gpu(moved.to) && step_.plan.told.of(t).empty() &&
          !step_.has_failed()) {
        transfers_.synchronize(t);
      }
    }
    now_ = StepClock::now();
    if (!step_.has_failed()) {
      keep_times();
    }
  } catch (const std::exception& error) {
    now_ = StepClock::now();
    transfers_.fail(device_, std::nullopt, "ending a step", error);
  }
  step_.check_time(now_, std::nullopt, device_);
}

StepClock::time_point GpuWorker::time_of(const c10::Event& event) const {
  const std::chrono::duration<double, std::milli> since(share_.start.elapsedTime(event));
  return began_ + std::chrono::duration_cast<StepClock::duration>(since);
}

void GpuWorker::keep_times() {
  const auto& order = step_.lowered.order[device_];
  if (!step_.record) {
    busy_seconds_ = share_.start.elapsedTime(share_.end) / 1e3;
    return;
  }
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    OpRecord& kept = step_.records[order[rank]];
    kept.start = time_of(times_[rank].start);
    kept.end = time_of(times_[rank].end);
    busy_seconds_ += std::chrono::duration<double>(kept.end - kept.start).count();
  }
  for (std::uint32_t t = 0; t < awaited_.size(); ++t) {
    if (awaited_[t] && step_.plan.transfers[t].copy != kNone) {
      step_.arrivals[t] = time_of(transfers_.done(t));
    }
  }
}

}  // namespace placer::profile
