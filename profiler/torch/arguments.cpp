#include "profiler/torch/arguments.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/jit_type.h>

#include "profiler/torch/tensors.h"

namespace placer::profile {

namespace {

using Converted = std::optional<c10::IValue>;

// The type in the slot without its "?".
c10::TypePtr held_type(const c10::TypePtr& type) {
  if (const auto optional = type->cast<c10::OptionalType>()) {
    return optional->getElementType();
  }
  return type;
}

c10::TypePtr element_type(const c10::TypePtr& type) {
  const auto list = type->cast<c10::ListType>();
  return list ? list->getElementType() : nullptr;
}

std::string describe(const ArgumentValue& value) {
  static constexpr const char* kNames[] = {"None",
                                           "a bool",
                                           "an integer",
                                           "a float",
                                           "a string",
                                           "bools",
                                           "integers",
                                           "floats",
                                           "a tensor",
                                           "a list of tensors",
                                           "an element type",
                                           "a memory format",
                                           "a layout",
                                           "a device"};
  static_assert(std::size(kNames) == std::variant_size_v<ArgumentValue>);
  return kNames[value.index()];
}

std::int64_t code_of(MemoryFormat format) {
  switch (format) {
    case MemoryFormat::kContiguous:
      return static_cast<std::int64_t>(at::MemoryFormat::Contiguous);
    case MemoryFormat::kChannelsLast:
      return static_cast<std::int64_t>(at::MemoryFormat::ChannelsLast);
    case MemoryFormat::kChannelsLast3d:
      return static_cast<std::int64_t>(at::MemoryFormat::ChannelsLast3d);
    case MemoryFormat::kPreserve:
      return static_cast<std::int64_t>(at::MemoryFormat::Preserve);
  }
  return static_cast<std::int64_t>(at::MemoryFormat::Preserve);
}

c10::IValue wrapped_number(const c10::Scalar& number) {
  at::Tensor tensor = c10::scalar_to_tensor(number);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

// A bool, integer or float as LibTorch's Scalar.
std::optional<c10::Scalar> number_in(const ArgumentValue& value) {
  if (const auto* truth = std::get_if<bool>(&value)) {
    return c10::Scalar(*truth);
  }
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    return c10::Scalar(*whole);
  }
  if (const auto* real = std::get_if<double>(&value)) {
    return c10::Scalar(*real);
  }
  return std::nullopt;
}

// Schemas spell element types, memory formats and layouts as int.
Converted to_int(const ArgumentValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    return *whole;
  }
  if (const auto* truth = std::get_if<bool>(&value)) {
    return static_cast<std::int64_t>(*truth);
  }
  if (const auto* dtype = std::get_if<DType>(&value)) {
    const auto type = scalar_type(*dtype);
    return type ? Converted(static_cast<std::int64_t>(*type)) : std::nullopt;
  }
  if (const auto* format = std::get_if<MemoryFormat>(&value)) {
    return code_of(*format);
  }
  if (std::holds_alternative<Layout>(value)) {
    return static_cast<std::int64_t>(at::kStrided);
  }
  return std::nullopt;
}

Converted to_scalar_slot(const ArgumentValue& value, c10::TypeKind kind) {
  switch (kind) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return to_int(value);
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType:
      if (const auto* real = std::get_if<double>(&value)) {
        return *real;
      }
      if (const auto* whole = std::get_if<std::int64_t>(&value)) {
        return static_cast<double>(*whole);
      }
      return std::nullopt;
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType:
      if (const auto* truth = std::get_if<bool>(&value)) {
        return *truth;
      }
      return std::nullopt;
    case c10::TypeKind::NumberType:
      if (const auto number = number_in(value)) {
        return *number;
      }
      return std::nullopt;
    case c10::TypeKind::TensorType:
      if (const auto number = number_in(value)) {
        return wrapped_number(*number);
      }
      return std::nullopt;
    case c10::TypeKind::StringType:
      if (const auto* text = std::get_if<std::string>(&value)) {
        return *text;
      }
      return std::nullopt;
    case c10::TypeKind::DeviceObjType:
      if (std::holds_alternative<DeviceArgument>(value)) {
        return c10::Device(c10::kCPU);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

template <typename T>
Converted list_of(const std::vector<T>& items) {
  c10::List<T> list;
  list.reserve(items.size());
  for (const T item : items) {
    list.push_back(item);
  }
  return list;
}

template <typename T>
Converted numbers_list(const std::vector<T>& items) {
  c10::List<c10::Scalar> list;
  for (const T item : items) {
    list.push_back(c10::Scalar(item));
  }
  return list;
}

// A list without elements says nothing of their type in a file.
bool is_empty_list(const ArgumentValue& value) {
  const auto* bools = std::get_if<std::vector<bool>>(&value);
  const auto* wholes = std::get_if<std::vector<std::int64_t>>(&value);
  const auto* reals = std::get_if<std::vector<double>>(&value);
  return (bools && bools->empty()) || (wholes && wholes->empty()) || (reals && reals->empty());
}

Converted to_list_slot(const ArgumentValue& value, const c10::TypePtr& element,
                       const std::optional<int>& length) {
  if (is_empty_list(value)) {
    return c10::IValue(c10::impl::GenericList(element));
  }
  const auto* bools = std::get_if<std::vector<bool>>(&value);
  const auto* wholes = std::get_if<std::vector<std::int64_t>>(&value);
  const auto* reals = std::get_if<std::vector<double>>(&value);
  switch (element->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      if (const auto* whole = std::get_if<std::int64_t>(&value); whole && length) {
        return list_of(std::vector<std::int64_t>(static_cast<std::size_t>(*length), *whole));
      }
      return wholes ? list_of(*wholes) : std::nullopt;
    case c10::TypeKind::FloatType:
      if (wholes) {
        return list_of(std::vector<double>(wholes->begin(), wholes->end()));
      }
      return reals ? list_of(*reals) : std::nullopt;
    case c10::TypeKind::BoolType:
      return bools ? list_of(*bools) : std::nullopt;
    case c10::TypeKind::NumberType:
      if (wholes) {
        return numbers_list(*wholes);
      }
      return reals ? numbers_list(*reals) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string slot_type(const c10::Argument& slot) {
  std::string text = slot.type()->str();
  if (const auto brackets = text.rfind("[]"); slot.N() && brackets != std::string::npos) {
    text.insert(brackets + 1, std::to_string(*slot.N()));
  }
  return text;
}

TensorSlot tensor_slot(const c10::Argument& slot) {
  const c10::TypePtr type = held_type(slot.type());
  if (type->kind() == c10::TypeKind::TensorType) {
    return TensorSlot::kTensor;
  }
  const c10::TypePtr element = element_type(type);
  if (!element || held_type(element)->kind() != c10::TypeKind::TensorType) {
    return TensorSlot::kNone;
  }
  return element->kind() == c10::TypeKind::OptionalType ? TensorSlot::kOptionalList
                                                        : TensorSlot::kList;
}

bool names_device(const c10::Argument& slot) {
  return held_type(slot.type())->kind() == c10::TypeKind::DeviceObjType;
}

std::variant<c10::IValue, std::string> convert_argument(const ArgumentValue& value,
                                                        const c10::Argument& slot) {
  if (std::holds_alternative<std::monostate>(value) &&
      slot.type()->kind() == c10::TypeKind::OptionalType) {
    return c10::IValue();
  }
  const c10::TypePtr type = held_type(slot.type());
  const c10::TypePtr element = element_type(type);
  const Converted converted =
      element ? to_list_slot(value, element, slot.N()) : to_scalar_slot(value, type->kind());
  if (converted) {
    return *converted;
  }
  return describe(value) + ", expected " + slot_type(slot);
}

}  // namespace placer::profile
