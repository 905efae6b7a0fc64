#pragma once

// When two ops take the same time: equal operators, arguments, and element types, shapes and
// strides of the inputs.

#include <span>
#include <string>

#include <ATen/core/Tensor.h>

#include "placer/graph/node.h"

namespace placer::profile {

// A hash of all that; `context` (machine, library, method) is hashed in.
[[nodiscard]] std::string op_key(const Node& node, std::span<const at::Tensor* const> inputs,
                                 const std::string& context);

}  // namespace placer::profile
