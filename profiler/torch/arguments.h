#pragma once

// Converts an argument as a graph keeps it into the value that an ATen schema wants in that slot.

#include <optional>
#include <string>
#include <variant>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include "placer/graph/node.h"

namespace placer::profile {

// The schema's slot as text: "Tensor?", "int[2]".
[[nodiscard]] std::string slot_type(const c10::Argument& slot);

// Whether the slot takes one tensor, a list of tensors, or a list with holes; an optional slot
// counts as what it may hold.
enum class TensorSlot { kNone, kTensor, kList, kOptionalList };
[[nodiscard]] TensorSlot tensor_slot(const c10::Argument& slot);

// Whether it takes a device.
[[nodiscard]] bool names_device(const c10::Argument& slot);

// Conversions, as PyTorch's own argument parser makes them: a number in a tensor slot becomes a
// wrapped number (it takes part in type promotion as a Python number does), an integer in a float
// slot a float, an integer in a list slot of fixed length a list, every device the CPU.
//   returns  the value, or why the argument does not fit ("a string, expected int[]"). Not for
//            InputArgument and InputListArgument, which have no value before the step.
[[nodiscard]] std::variant<c10::IValue, std::string> convert_argument(const ArgumentValue& value,
                                                                      const c10::Argument& slot);

}  // namespace placer::profile
