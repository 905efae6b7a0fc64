#include "profiler/torch/transfers.h"

#include <utility>

#include <ATen/ops/empty_like.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "placer/base/error.h"

namespace placer::profile {

namespace {

c10::Stream stream_of(const GpuStream& stream) {
  return c10::Stream::unpack3(stream.id, stream.device_index,
                              static_cast<c10::DeviceType>(stream.device_type));
}

// What has to be copied of a value: one of all equal elements along an expanded dimension.
at::Tensor without_repeats(at::Tensor value) {
  for (std::int64_t i = 0; i < value.dim(); ++i) {
    if (value.stride(i) == 0 && value.size(i) > 1) {
      value = value.narrow(i, 0, 1);
    }
  }
  return value;
}

// A copy of without_repeats(value), as `value` is.
at::Tensor repeated(const at::Tensor& copy, const at::Tensor& value) {
  return copy.sizes() == value.sizes() ? copy : copy.expand(value.sizes());
}

at::Tensor empty_copy(const at::Tensor& value, at::Device device) {
  return at::empty_like(value, value.options().device(device));
}

at::Tensor pinned_copy(const at::Tensor& value) {
  return at::empty_like(value, value.options().device(at::kCPU).pinned_memory(true));
}

}  // namespace

GpuStreams make_streams(GpuDriver& driver, int gpu, GpuPart part) {
  const c10::Stream compute = stream_of(driver.new_stream(gpu, part));
  const c10::Stream copy_in = stream_of(driver.new_stream(gpu, part));
  const c10::Stream copy_out = stream_of(driver.new_stream(gpu, part));
  return {compute.device(), compute, copy_in, copy_out, gpu};
}

void keep_for(const c10::Stream& stream, const at::Tensor& value) {
  const c10::impl::VirtualGuardImpl guard(stream.device_type());
  guard.recordDataPtrOnStream(value.storage().data_ptr(), stream);
}

void drain(const c10::Stream& stream) {
  c10::impl::VirtualGuardImpl(stream.device_type()).synchronizeStream(stream);
}

Transfers::Transfers(StepState& step, GpuDriver& driver,
                     std::vector<std::optional<GpuStreams>> streams)
    : step_(step), driver_(driver), streams_(std::move(streams)) {}

void Transfers::prepare(bool timed) {
  const std::size_t count = step_.plan.transfers.size();
  if (timed != timed_) {
    done_.clear();
    timed_ = timed;
  }
  // Which GPU an event belongs to is settled when it is first recorded.
  if (done_.size() == count) {
    return;
  }
  done_.clear();
  for (const Transfer& transfer : step_.plan.transfers) {
    const std::uint32_t gpu = is_gpu(transfer.to) ? transfer.to : transfer.from;
    done_.emplace_back(streams(gpu).device.type(),
                       timed ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT);
  }
}

void Transfers::leave(std::uint32_t transfer, const c10::Event* made) {
  const Transfer& moved = step_.plan.transfers[transfer];
  const GpuStreams& from = streams(moved.from);
  const bool to_host = !is_gpu(moved.to);
  if (moved.value == kNone) {
    // The host hears of everything in the order of one stream.
    const c10::Stream& told = to_host ? from.copy_out : from.compute;
    if (to_host) {
      made->block(told);
    }
    done_[transfer].record(told);
    return;
  }
  // Within one GPU's memory the receiver copies, else the sender, both held meanwhile.
  const bool within = !to_host && streams(moved.to).device == from.device;
  const c10::Stream& receiving = to_host ? from.copy_out : streams(moved.to).copy_in;
  const c10::Stream& copying = within ? receiving : from.copy_out;
  if (made != nullptr) {
    made->block(copying);
  }
  const at::Tensor& value = step_.values[moved.value];
  const c10::StreamGuard on_receiver(receiving);
  const c10::StreamGuard on_sender(copying);
  at::Tensor source = without_repeats(value);
  if (!source.is_non_overlapping_and_dense()) {
    source = source.clone();
  }
  const at::Tensor copy =
      to_host ? pinned_copy(source) : empty_copy(source, streams(moved.to).device);
  copy.copy_(source, /*non_blocking=*/true);
  step_.values[moved.copy] = repeated(copy, value);
  done_[transfer].record(receiving);
  if (!value.is_cpu()) {  // single numbers may be the host's
    keep_for(copying, value);
  }
}

void Transfers::enter(std::uint32_t transfer) {
  const Transfer& moved = step_.plan.transfers[transfer];
  const GpuStreams& to = streams(moved.to);
  const at::Tensor& value = step_.values[moved.value];
  const at::Tensor source = without_repeats(value);
  const at::Tensor staged = pinned_copy(source);
  staged.copy_(source);
  const c10::StreamGuard receiving(to.copy_in);
  const at::Tensor copy = empty_copy(staged, to.device);
  copy.copy_(staged, /*non_blocking=*/true);
  step_.values[moved.copy] = repeated(copy, value);
  done_[transfer].record(to.copy_in);
}

void Transfers::await(std::uint32_t transfer, std::uint32_t device) {
  const Transfer& moved = step_.plan.transfers[transfer];
  const c10::Stream& compute = streams(device).compute;
  done_[transfer].block(compute);
  if (moved.copy != kNone) {
    keep_for(compute, step_.values[moved.copy]);
  }
}

at::Tensor Transfers::moved(const at::Tensor& value, std::uint32_t from, std::uint32_t to) const {
  std::optional<c10::StreamGuard> sending;
  std::optional<c10::StreamGuard> receiving;
  if (!value.is_cpu()) {
    sending.emplace(streams(from).compute);
  }
  if (is_gpu(to)) {
    receiving.emplace(streams(to).compute);
  }
  at::Tensor copy = empty_copy(value, place_of(to));
  copy.copy_(value);
  if (!value.is_cpu()) {
    drain(streams(from).compute);
  }
  if (is_gpu(to)) {
    drain(streams(to).compute);
  }
  return copy;
}

void Transfers::fail(std::uint32_t device, std::optional<std::uint32_t> node, const char* doing,
                     const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch != nullptr ? torch->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  InfeasibleReason reason = InfeasibleReason::kFailed;
  // A capture may fail at what a step may do.
  const std::string gone =
      is_gpu(device) && !step_.capturing ? driver_.lost(streams(device).gpu) : "";
  if (!gone.empty()) {
    reason = InfeasibleReason::kCrashed;
    text = gone;
    const std::scoped_lock lock(lost_mutex_);
    lost_ = fmt::format("{} is lost: {}", step_.cluster.devices()[device].name, gone);
  } else if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) {
    reason = InfeasibleReason::kOutOfMemory;
  }
  const std::string what =
      node ? fmt::format("{} \"{}\"", doing, step_.graph.nodes()[*node].name) : doing;
  step_.fail(
      {reason,
       id_at<DeviceId>(device),
       node ? std::optional(id_at<NodeId>(*node)) : std::nullopt,
       {},
       fmt::format("{} failed on {}: {}", what, step_.cluster.devices()[device].name, text)});
}

}  // namespace placer::profile
