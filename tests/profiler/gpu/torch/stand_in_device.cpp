// Introduces the stand-in GPUs to LibTorch: streams and events, memory, copies.

#include <memory>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include "tests/profiler/gpu/torch/stand_in_machine.h"

namespace placer::testing {

namespace {

using Event = std::shared_ptr<EventVersion>;

Event& event_in(void* event) {
  return *static_cast<Event*>(event);
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static at::Device device(int gpu) {
    return {at::kPrivateUse1, static_cast<c10::DeviceIndex>(gpu)};
  }
  static int gpu(at::Device device) { return device.has_index() ? device.index() : current_gpu(); }

  c10::DeviceType type() const override { return at::kPrivateUse1; }
  c10::DeviceIndex deviceCount() const noexcept override { return kStandInGpus; }
  at::Device getDevice() const override { return device(current_gpu()); }
  void setDevice(at::Device to) const override { set_current_gpu(gpu(to)); }
  void uncheckedSetDevice(at::Device to) const noexcept override { set_current_gpu(gpu(to)); }
  at::Device exchangeDevice(at::Device to) const override {
    const at::Device before = getDevice();
    setDevice(to);
    return before;
  }

  c10::Stream getStream(at::Device of) const override { return current_stream(gpu(of)); }
  c10::Stream getDefaultStream(at::Device of) const override {
    return c10::Stream(c10::Stream::DEFAULT, device(gpu(of)));
  }
  c10::Stream getStreamFromGlobalPool(at::Device of, bool /*high_priority*/) const override {
    const profile::GpuStream made = stand_in_stream(gpu(of));
    return c10::Stream::unpack3(made.id, made.device_index,
                                static_cast<c10::DeviceType>(made.device_type));
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const c10::Stream before = current_stream(stream.device_index());
    set_current_stream(stream);
    return before;
  }
  bool queryStream(const c10::Stream& stream) const override {
    return machine().streams.idle(number_of(stream));
  }
  void synchronizeStream(const c10::Stream& stream) const override {
    require_alive(stream.device_index());
    machine().streams.synchronize(*machine().streams.record(number_of(stream)));
  }

  void record(void** event, const c10::Stream& stream, c10::DeviceIndex /*device*/,
              c10::EventFlag /*flag*/) const override {
    require_alive(stream.device_index());
    if (*event == nullptr) {
      *event = new Event;
    }
    event_in(*event) = machine().streams.record(number_of(stream));
  }
  void block(void* event, const c10::Stream& stream) const override {
    require_alive(stream.device_index());
    machine().streams.wait(number_of(stream), event_in(event));
  }
  bool queryEvent(void* event) const override { return event_in(event)->over; }
  void synchronizeEvent(void* event) const override {
    machine().streams.synchronize(*event_in(event));
  }
  void destroyEvent(void* event, c10::DeviceIndex /*device*/) const noexcept override {
    delete static_cast<Event*>(event);
  }
  double elapsedTime(void* first, void* second, c10::DeviceIndex /*device*/) const override {
    return std::chrono::duration<double, std::milli>(event_in(second)->time - event_in(first)->time)
        .count();
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
    if (data.get_context() != nullptr) {
      (*static_cast<std::shared_ptr<Block>*>(data.get_context()))
          ->use.kept_for.insert(number_of(stream));
    }
  }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex /*device*/) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kStandInGpus; }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_memory(); }
  // Random ops are the CPU's, too.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex /*device*/) const override {
    return at::detail::getDefaultCPUGenerator();
  }
};

bool introduce() {
  static Hooks& hooks = *new Hooks;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  c10::register_privateuse1_backend("standin");
  return true;
}
const bool kIntroduced = introduce();

int gpu_of(const std::optional<at::Device>& device) {
  return device ? Guard::gpu(*device) : current_gpu();
}

at::Tensor make_empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                      std::optional<at::Layout> /*layout*/, std::optional<at::Device> device,
                      std::optional<bool> /*pin*/, std::optional<at::MemoryFormat> format) {
  return empty_on(gpu_of(device), size, dtype.value_or(at::kFloat), format);
}

at::Tensor make_strided(at::IntArrayRef size, at::IntArrayRef stride,
                        std::optional<at::ScalarType> dtype, std::optional<at::Layout> /*layout*/,
                        std::optional<at::Device> device, std::optional<bool> /*pin*/) {
  return empty_on(gpu_of(device), size, stride, dtype.value_or(at::kFloat));
}

std::vector<StreamOrder::Memory*> uses(const Operand& operand) {
  return operand.block == nullptr ? std::vector<StreamOrder::Memory*>()
                                  : std::vector{&operand.block->use};
}

void synchronize(int stream) {
  machine().streams.synchronize(*machine().streams.record(stream));
}

// As CUDA's: work of the GPU's current stream, which the host waits for unless the host's memory is
// page-locked and it does not want to.
void copy_from_host(const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  const Operand target(to);
  const int stream = number_of(current_stream(to.get_device()));
  const bool asynchronous = non_blocking && is_pinned(from.const_data_ptr());
  const at::Tensor source = asynchronous ? from : from.clone();
  machine().order.launch(stream, "a copy from the host", {}, uses(target));
  enqueue(stream, "a copy from the host", [target, source] { target.on_host().copy_(source); });
  ++machine().to_gpu;
  if (!non_blocking) {
    synchronize(stream);
  }
}

void copy_to_host(const at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  const Operand source(from);
  const int stream = number_of(current_stream(from.get_device()));
  machine().order.launch(stream, "a copy to the host", uses(source), {});
  enqueue(stream, "a copy to the host", [source, to] { to.copy_(source.on_host()); });
  ++machine().to_host;
  if (!non_blocking || !is_pinned(to.const_data_ptr())) {
    synchronize(stream);
  }
}

// On the sender's stream, with the receiver's held.
void copy_between(const at::Tensor& to, const at::Tensor& from) {
  const Operand source(from);
  const Operand target(to);
  const int sending = number_of(current_stream(from.get_device()));
  const int receiving = number_of(current_stream(to.get_device()));
  if (sending != receiving) {
    machine().streams.wait(sending, machine().streams.record(receiving));
  }
  machine().order.launch(sending, "a copy", uses(source), uses(target));
  enqueue(sending, "a copy", [source, target] { target.on_host().copy_(source.on_host()); });
  if (sending != receiving) {
    machine().streams.wait(receiving, machine().streams.record(sending));
  }
  ++(to.device() == from.device() ? machine().within : machine().between);
}

at::Tensor& copy_into(at::Tensor& to, const at::Tensor& values, bool non_blocking) {
  const at::Tensor from = values.sizes() == to.sizes() ? values : values.expand(to.sizes());
  require_alive((to.is_cpu() ? from : to).get_device());
  if (from.is_cpu()) {
    copy_from_host(to, from, non_blocking);
  } else if (to.is_cpu()) {
    copy_to_host(to, from, non_blocking);
  } else {
    copy_between(to, from);
  }
  return to;
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  at::Tensor target = to;
  return copy_into(target, from, non_blocking);
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &make_empty);
  library.impl("empty_strided", &make_strided);
  library.impl("copy_", &copy_into);
  library.impl("_copy_from", &copy_from);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
}

}  // namespace

}  // namespace placer::testing
