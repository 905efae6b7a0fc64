// Ops of the stand-in GPUs: the CPU's kernels, run when a stream comes to them.

#include <set>
#include <unordered_map>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "tests/profiler/gpu/torch/stand_in_machine.h"

namespace placer::testing {

namespace {

using Values = std::vector<c10::IValue>;

// `value` with every tensor in it replaced.
template <typename Replace>
c10::IValue replaced(const c10::IValue& value, const Replace& replace) {
  if (value.isTensor()) {
    return value.toTensor().defined() ? c10::IValue(replace(value.toTensor())) : value;
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& item : value.toTensorVector()) {
      list.push_back(replace(item));
    }
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor>& item : value.toOptionalTensorVector()) {
      list.push_back(item && item->defined() ? std::optional(replace(*item)) : item);
    }
    return list;
  }
  return value;
}

// Writes that schemas do not state: batch normalisation's running statistics.
bool hidden_write(const c10::FunctionSchema& schema, std::size_t argument) {
  const std::string& name = schema.arguments()[argument].name();
  return schema.name() == "aten::native_batch_norm" &&
         (name == "running_mean" || name == "running_var");
}

// A number of the host's, as a launch takes it.
at::Tensor by_value(const at::Tensor& number) {
  at::Tensor copy = number.clone();
  copy.unsafeGetTensorImpl()->set_wrapped_number(number.unsafeGetTensorImpl()->is_wrapped_number());
  return copy;
}

bool on_gpu(const at::Tensor& tensor) {
  return tensor.is_privateuseone();
}

class Launch {
 public:
  Launch(const c10::OperatorHandle& op, Values arguments)
      : op_(op),
        arguments_(std::move(arguments)),
        gpu_(find_gpu()),
        stream_(number_of(current_stream(gpu_))) {
    require_alive(gpu_);
    ++machine().launches;
  }

  Values run() {
    // What the host must know at once, or what draws from the one generator; captured ops draw later.
    const bool waits =
        op_.hasTag(at::Tag::dynamic_output_shape) || op_.hasTag(at::Tag::data_dependent_output) ||
        (op_.hasTag(at::Tag::nondeterministic_seeded) && !machine().streams.captured(stream_));
    if (waits) {
      machine().streams.synchronize(*machine().streams.record(stream_));
    }
    const Values tried = call(place_arguments(waits));
    const Values results = take_results(tried);
    machine().order.launch(stream_, op_.schema().name(), reads_, writes_);
    if (waits) {
      fill(tried);
    } else {
      launch();
    }
    return results;
  }

 private:
  [[nodiscard]] int find_gpu() const {
    std::optional<int> gpu;
    std::optional<int> named;
    const auto look = [&](const at::Tensor& tensor) {
      if (on_gpu(tensor)) {
        TORCH_CHECK(!gpu || *gpu == tensor.get_device(), op_.schema().name(),
                    ": tensors of several GPUs");
        gpu = tensor.get_device();
      }
      return tensor;
    };
    for (const c10::IValue& value : arguments_) {
      (void)replaced(value, look);
      if (value.isDevice()) {
        named = value.toDevice().has_index() ? value.toDevice().index() : current_gpu();
      }
    }
    return gpu ? *gpu : named.value_or(current_gpu());
  }

  // The arguments for a kernel of the host: stand-ins of the same form, or the memory itself.
  Values place_arguments(bool itself) {
    Values placed;
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
      const auto* alias = op_.schema().arguments()[i].alias_info();
      const bool written = (alias != nullptr && alias->isWrite()) || hidden_write(op_.schema(), i);
      const auto place = [&](const at::Tensor& tensor) {
        if (!on_gpu(tensor)) {
          TORCH_CHECK(tensor.dim() == 0, op_.schema().name(), ": tensors of GPU and host");
          return by_value(tensor);
        }
        Operand operand(tensor);
        if (operand.block != nullptr) {
          (written ? writes_ : reads_).push_back(&operand.block->use);
        }
        at::Tensor form = itself ? operand.on_host() : zeros_like(tensor);
        inputs_.push_back({tensor, form});
        operands_.emplace(form.unsafeGetTensorImpl(), std::move(operand));
        return form;
      };
      placed.push_back(arguments_[i].isDevice() ? c10::IValue(c10::Device(at::kCPU))
                                                : replaced(arguments_[i], place));
    }
    forms_ = placed;
    return placed;
  }

  static at::Tensor zeros_like(const at::Tensor& tensor) {
    std::int64_t extent = 1;
    for (std::int64_t i = 0; i < tensor.dim(); ++i) {
      extent = tensor.size(i) == 0 ? 0
               : extent == 0       ? 0
                                   : extent + (tensor.size(i) - 1) * tensor.stride(i);
    }
    return at::zeros({extent}, at::TensorOptions(tensor.scalar_type()))
        .as_strided(tensor.sizes(), tensor.strides());
  }

  Values call(const Values& arguments) const {
    torch::jit::Stack stack(arguments.begin(), arguments.end());
    op_.callBoxed(stack);
    return stack;
  }

  // Tensors of this GPU in the place of a trial's results.
  Values take_results(const Values& tried) {
    Values results;
    for (const c10::IValue& value : tried) {
      results.push_back(replaced(value, [&](const at::Tensor& result) {
        for (const auto& [tensor, form] : inputs_) {
          if (result.is_same(form) && result.sizes() == tensor.sizes()) {
            filled_.emplace_back();
            return tensor;
          }
          if (result.is_same(form)) {  // made larger by the op
            const at::Tensor fresh = new_result(result);
            tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(fresh.storage());
            tensor.unsafeGetTensorImpl()->set_sizes_contiguous(result.sizes());
            return tensor;
          }
          if (result.storage().is_alias_of(form.storage())) {
            filled_.emplace_back();
            return at::native::as_strided_tensorimpl(
                tensor, result.sizes(), result.strides(),
                tensor.storage_offset() + result.storage_offset());
          }
        }
        return new_result(result);
      }));
    }
    return results;
  }

  at::Tensor new_result(const at::Tensor& form) {
    at::Tensor fresh = empty_on(gpu_, form.sizes(), form.strides(), form.scalar_type());
    const Operand& kept = *filled_.emplace_back(Operand(fresh));
    if (kept.block != nullptr) {
      writes_.push_back(&kept.block->use);
    }
    return fresh;
  }

  static void fill(const std::vector<std::optional<Operand>>& filled, const Values& results) {
    std::size_t next = 0;
    for (const c10::IValue& value : results) {
      (void)replaced(value, [&](const at::Tensor& result) {
        if (const auto& target = filled[next++]) {
          target->on_host().copy_(result);
        }
        return result;
      });
    }
  }
  void fill(const Values& results) const { fill(filled_, results); }

  void launch() const {
    enqueue(stream_, op_.schema().name(),
            [op = op_, forms = forms_, operands = operands_, filled = filled_] {
              torch::jit::Stack stack;
              for (const c10::IValue& form : forms) {
                stack.push_back(replaced(form, [&](const at::Tensor& tensor) {
                  const auto operand = operands.find(tensor.unsafeGetTensorImpl());
                  return operand == operands.end() ? tensor : operand->second.on_host();
                }));
              }
              op.callBoxed(stack);
              fill(filled, {stack.begin(), stack.end()});
            });
  }

  c10::OperatorHandle op_;
  Values arguments_;
  int gpu_;
  int stream_;
  std::vector<StreamOrder::Memory*> reads_;
  std::vector<StreamOrder::Memory*> writes_;
  std::vector<std::pair<at::Tensor, at::Tensor>> inputs_;  // on the GPU, and for the host
  Values forms_;
  std::unordered_map<const c10::TensorImpl*, Operand> operands_;  // by what stands for them
  std::vector<std::optional<Operand>>
      filled_;  // results in order; nothing: shares an input's memory
};

void compute(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::size_t count = op.schema().arguments().size();
  Values arguments(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  stack->resize(stack->size() - count);
  for (c10::IValue& result : Launch(op, std::move(arguments)).run()) {
    stack->push_back(std::move(result));
  }
}

// Ops that LibTorch would take apart for a device that it does not know, into others that round
// differently: those that the CPU has a kernel for, and convolutions.
TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  const std::set<std::string> elsewhere = {
      "aten::empty.memory_format", "aten::empty_strided", "aten::copy_",
      "aten::_copy_from",          "aten::as_strided",    "aten::view"};
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    const auto op = dispatcher.findSchema(name);
    const std::string text = c10::toString(name);
    const bool whole = text == "aten::convolution" || text == "aten::convolution_backward";
    if (op && text.starts_with("aten::") && !elsewhere.contains(text) &&
        (whole || op->hasKernelForDispatchKey(c10::DispatchKey::CPU))) {
      library.impl(text.substr(6).c_str(), torch::CppFunction::makeFromBoxedFunction<&compute>());
    }
  }
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute>());
}

}  // namespace

}  // namespace placer::testing
