#include "tests/policy/torch/separate_device.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <tuple>

#include <ATen/EmptyTensor.h>
#include <ATen/TensorOperators.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include "placer/base/error.h"

namespace placer::policy::test {
namespace {

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

std::atomic<std::uint64_t> operations{0};

struct Guard : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::PrivateUse1> {
  c10::Device exchangeDevice(c10::Device /*device*/) const override { return separate_device(); }
  c10::Device getDevice() const override { return separate_device(); }
  // All is done when a call returns: there is one stream, and nothing to wait for.
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override { return stream; }
  void record(void** /*event*/, const c10::Stream& /*stream*/, const c10::DeviceIndex /*device*/,
              const c10::EventFlag /*flag*/) const override {}
  void block(void* /*event*/, const c10::Stream& /*stream*/) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct Hooks : at::PrivateUse1HooksInterface {
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex /*device*/) const override { return true; }
};

// What the engine of gradients asks of a device.
bool introduce() {
  static Hooks hooks;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  c10::register_privateuse1_backend("separate");
  return true;
}
const bool kIntroduced = introduce();

struct Pages {
  void* data = nullptr;
  std::size_t size = 0;
};

void release(void* pages) {
  const auto* owned = static_cast<Pages*>(pages);
  munmap(owned->data, owned->size);
  delete owned;
}

// Pages that are readable while an operation of this device runs, not otherwise.
class LockedMemory : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    if (size == 0) return {nullptr, nullptr, &release_nothing, separate_device()};
    void* data = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PLACER_CHECK(data != MAP_FAILED, "memory for a test");
    return {data, new Pages{data, size}, &release, separate_device()};
  }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    std::memcpy(to, from, count);
  }

 private:
  static void release_nothing(void* /*pages*/) {}
};

LockedMemory& memory() {
  static LockedMemory allocator;
  return allocator;
}

// A tensor of this device as one of the CPU, while it lives.
class Unlocked {
 public:
  explicit Unlocked(const at::Tensor& tensor) : tensor_(tensor) {
    protect(PROT_READ | PROT_WRITE);
    seen_ = tensor.is_cpu() ? tensor
                            : at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(),
                                            at::TensorOptions(tensor.scalar_type()));
  }
  ~Unlocked() { protect(PROT_NONE); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;
  [[nodiscard]] const at::Tensor& seen() const { return seen_; }

 private:
  void protect(int how) const {
    const auto& storage = tensor_.storage();
    if (!tensor_.is_cpu() && storage.nbytes() > 0) {
      mprotect(storage.mutable_data(), storage.nbytes(), how);
    }
  }
  const at::Tensor& tensor_;
  at::Tensor seen_;
};

at::Tensor make_empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                      std::optional<at::Layout> /*layout*/, std::optional<at::Device> /*device*/,
                      std::optional<bool> /*pin*/, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &memory(), kKeys, dtype.value_or(at::kFloat), format);
}

at::Tensor make_strided(at::IntArrayRef size, at::IntArrayRef stride,
                        std::optional<at::ScalarType> dtype, std::optional<at::Layout> /*layout*/,
                        std::optional<at::Device> /*device*/, std::optional<bool> /*pin*/) {
  return at::detail::empty_strided_generic(size, stride, &memory(), kKeys,
                                           dtype.value_or(at::kFloat));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool /*non_blocking*/) {
  const Unlocked source(from);
  const Unlocked target(to);
  target.seen().copy_(source.seen());
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (from.sizes() != to.sizes()) {
    const at::Tensor fresh =
        make_empty(from.sizes(), to.scalar_type(), std::nullopt, std::nullopt, std::nullopt, {});
    to.unsafeGetTensorImpl()->set_storage_keep_dtype(fresh.storage());
    to.unsafeGetTensorImpl()->set_sizes_contiguous(from.sizes());
  }
  return copy_from(from, to, false);
}

at::Tensor& copy_into(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  copy_from(from.sizes() == to.sizes() ? from : from.expand(to.sizes()), to, non_blocking);
  return to;
}

void require_one_device(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto require = [&](const at::Tensor& tensor) {
    TORCH_CHECK(!tensor.defined() || tensor.dim() == 0 || tensor.is_privateuseone(),
                op.schema().name(), ": tensors of several devices");
  };
  const std::size_t count = op.schema().arguments().size();
  for (const c10::IValue& value : at::ArrayRef(stack).slice(stack.size() - count)) {
    if (value.isTensor()) require(value.toTensor());
    if (!value.isTensorList()) continue;
    for (const at::Tensor& tensor : value.toTensorVector()) require(tensor);
  }
}

void compute(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  require_one_device(op, *stack);
  ++operations;
  at::native::cpu_fallback(op, stack);
}

// LibTorch expects it of every device that is no CPU; differentiable through its parts.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell(
    const at::Tensor& of_input, const at::Tensor& of_hidden, const at::Tensor& cell,
    const std::optional<at::Tensor>& input_bias, const std::optional<at::Tensor>& hidden_bias) {
  const at::Tensor sum = of_input + of_hidden + input_bias.value() + hidden_bias.value();
  const auto gate = sum.chunk(4, 1);
  const at::Tensor next = gate[1].sigmoid() * cell + gate[0].sigmoid() * gate[2].tanh();
  return {gate[3].sigmoid() * next.tanh(), next, sum};
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &make_empty);
  library.impl("empty_strided", &make_strided);
  library.impl("copy_", &copy_into);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_from_and_resize);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
  library.impl("_thnn_fused_lstm_cell", &lstm_cell);
}

TORCH_LIBRARY_IMPL(aten, AutogradPrivateUse1, library) {
  library.impl("_thnn_fused_lstm_cell", &lstm_cell);
}

}  // namespace

at::Device separate_device() {
  return {at::kPrivateUse1, 0};
}

std::uint64_t separate_operations() {
  return operations;
}

}  // namespace placer::policy::test
