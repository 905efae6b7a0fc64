#pragma once

// What crosses between memories in a step: the streams that it crosses on, the events that others
// wait for, and the copies themselves. Through LibTorch's interfaces for every kind of device.
//
// A GPU device computes on one stream, receives on another and sends on a third. A transfer is
// issued by the thread that has the value: the GPU's own where it leaves a GPU, the GPU's entrance
// (host_to_gpu.h) where it comes from the host. Values go to and from the host through page-locked
// memory. A copy has the value's order of dimensions, without gaps.

#include <cstdint>
#include <optional>
#include <vector>

#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include "profiler/gpu/gpu_driver.h"
#include "profiler/torch/step_state.h"

namespace placer::profile {

struct GpuStreams {
  at::Device device;
  c10::Stream compute;
  c10::Stream copy_in;
  c10::Stream copy_out;
  int gpu = 0;  // as the driver layer counts
};

// One stream of each sort for a GPU device.
[[nodiscard]] GpuStreams make_streams(GpuDriver& driver, int gpu, GpuPart part);

// An event that knows when it was over.
[[nodiscard]] inline c10::Event timed_event(const GpuStreams& streams) {
  return c10::Event(streams.device.type(), c10::EventFlag::BACKEND_DEFAULT);
}

class Transfers {
 public:
  // `streams`: [devices], nothing for CPU devices.
  Transfers(StepState& step, GpuDriver& driver, std::vector<std::optional<GpuStreams>> streams);

  [[nodiscard]] const GpuStreams& streams(std::uint32_t device) const { return *streams_[device]; }
  [[nodiscard]] bool is_gpu(std::uint32_t device) const { return streams_[device].has_value(); }
  // Where a device's tensors are for LibTorch.
  [[nodiscard]] at::Device place_of(std::uint32_t device) const {
    return is_gpu(device) ? streams(device).device : at::Device(at::kCPU);
  }
  [[nodiscard]] GpuDriver& driver() const { return driver_; }

  // Between steps: events of the plan's transfers, with times where asked for; for another plan.
  void prepare(bool timed);
  void forget_events() { done_.clear(); }

  // Issues a transfer out of a GPU's memory, on its worker's thread.
  //   made  recorded when the value was there; null: it is there from the start
  void leave(std::uint32_t transfer, const c10::Event* made);
  // Issues a transfer from the host to a GPU, on the GPU's entrance.
  void enter(std::uint32_t transfer);
  // Makes what the GPU `device` computes from now on wait for a transfer to it.
  void await(std::uint32_t transfer, std::uint32_t device);
  // Blocks this thread until a transfer is over.
  void synchronize(std::uint32_t transfer) const { done_[transfer].synchronize(); }
  [[nodiscard]] const c10::Event& done(std::uint32_t transfer) const { return done_[transfer]; }

  // A value in the memory of `device` (of the host for CPU devices), from wherever it is; over when
  // this returns.
  [[nodiscard]] at::Tensor moved(const at::Tensor& value, std::uint32_t from,
                                 std::uint32_t to) const;

  // Records what went wrong on a GPU, or on the way to or from it: memory, a lost GPU, or else.
  //   node   what ran; for a transfer its producer; nothing: the step as a whole
  //   doing  in front of the node's name
  void fail(std::uint32_t device, std::optional<std::uint32_t> node, const char* doing,
            const std::exception& error);
  // Why no step can run in this process any more; empty: they can. Not while a step runs.
  [[nodiscard]] const std::string& lost() const { return lost_; }

 private:
  StepState& step_;
  GpuDriver& driver_;
  std::vector<std::optional<GpuStreams>> streams_;
  std::vector<c10::Event> done_;  // [transfers]
  bool timed_ = false;
  std::mutex lost_mutex_;
  std::string lost_;
};

// Keeps the memory of `value` from being used anew before `stream` is done with it.
void keep_for(const c10::Stream& stream, const at::Tensor& value);
// Blocks this thread until all that was issued to a stream is over.
void drain(const c10::Stream& stream);

}  // namespace placer::profile
