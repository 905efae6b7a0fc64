#pragma once

// Between our descriptions of tensors and LibTorch's tensors. Only files of profiler/torch/ include
// this.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "placer/formats/weights.h"
#include "placer/graph/tensor.h"
#include "profiler/executor.h"

namespace placer::profile {

// kOpaque has no counterpart; neither have LibTorch's quantized and 8-bit floating types.
[[nodiscard]] std::optional<at::ScalarType> scalar_type(DType dtype);
[[nodiscard]] DType dtype_of(at::ScalarType type);  // kOpaque for those that we do not name

// A new contiguous CPU tensor without values. `dtype` is not kOpaque.
[[nodiscard]] at::Tensor empty_tensor(DType dtype, const std::vector<std::int64_t>& shape);

// A new contiguous tensor of row-major numbers, each rounded once to the type. values.size() is the
// shape's product.
[[nodiscard]] at::Tensor tensor_of(DType dtype, const std::vector<std::int64_t>& shape,
                                   const std::vector<double>& values);

// A copy of a record with its strides kept, so that ops choose the kernels that they choose in the
// exporting program.
[[nodiscard]] at::Tensor tensor_of(const RawTensor& record);

// The bytes of a tensor in row-major order, whatever its strides.
[[nodiscard]] Value value_of(const at::Tensor& tensor);

// How a tensor differs from what is stated of it: "float32 [2], the graph says float32 [3]"; or
// empty.
[[nodiscard]] std::string mismatch(const at::Tensor& tensor, const TensorSpec& stated);

}  // namespace placer::profile
