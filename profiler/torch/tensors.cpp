#include "profiler/torch/tensors.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/torch/rounding.h"

namespace placer::profile {

namespace {

struct TypePair {
  DType ours;
  at::ScalarType theirs;
};
constexpr TypePair kTypePairs[] = {
    {DType::kBool, at::kBool},
    {DType::kUint8, at::kByte},
    {DType::kInt8, at::kChar},
    {DType::kInt16, at::kShort},
    {DType::kInt32, at::kInt},
    {DType::kInt64, at::kLong},
    {DType::kUint16, at::kUInt16},
    {DType::kUint32, at::kUInt32},
    {DType::kUint64, at::kUInt64},
    {DType::kFloat16, at::kHalf},
    {DType::kBFloat16, at::kBFloat16},
    {DType::kFloat32, at::kFloat},
    {DType::kFloat64, at::kDouble},
    {DType::kComplex64, at::kComplexFloat},
    {DType::kComplex128, at::kComplexDouble},
};

}  // namespace

std::optional<at::ScalarType> scalar_type(DType dtype) {
  for (const TypePair& pair : kTypePairs) {
    if (pair.ours == dtype) {
      return pair.theirs;
    }
  }
  return std::nullopt;
}

DType dtype_of(at::ScalarType type) {
  for (const TypePair& pair : kTypePairs) {
    if (pair.theirs == type) {
      return pair.ours;
    }
  }
  return DType::kOpaque;
}

at::Tensor empty_tensor(DType dtype, const std::vector<std::int64_t>& shape) {
  const auto type = scalar_type(dtype);
  PLACER_CHECK(type.has_value(), "a tensor without element type cannot be made");
  return at::empty(shape, at::TensorOptions(*type));
}

at::Tensor tensor_of(DType dtype, const std::vector<std::int64_t>& shape,
                     const std::vector<double>& values) {
  at::Tensor tensor = empty_tensor(dtype, shape);
  PLACER_CHECK(static_cast<std::size_t>(tensor.numel()) == values.size(),
               "values do not fill the shape");
  fill(tensor, [&](std::size_t i) { return values[i]; });
  return tensor;
}

at::Tensor tensor_of(const RawTensor& record) {
  const auto type = scalar_type(record.dtype);
  PLACER_CHECK(type.has_value(), "a record without element type");
  at::Tensor copy = at::empty_strided(record.shape, record.strides, at::TensorOptions(*type));
  const auto first = static_cast<std::size_t>(record.offset * item_size(record.dtype));
  // from_blob takes a non-const pointer; the copy only reads it.
  char* const data = const_cast<char*>(record.data.data()) + first;
  copy.copy_(at::from_blob(data, record.shape, record.strides, at::TensorOptions(*type)));
  return copy;
}

Value value_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.cpu().contiguous();
  Value value;
  value.dtype = dtype_of(rows.scalar_type());
  value.shape.assign(rows.sizes().begin(), rows.sizes().end());
  value.data.assign(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
  return value;
}

std::string mismatch(const at::Tensor& tensor, const TensorSpec& stated) {
  if (stated.dtype == DType::kOpaque) {
    return "";
  }
  const DType dtype = tensor.defined() ? dtype_of(tensor.scalar_type()) : DType::kOpaque;
  if (dtype == stated.dtype && tensor.sizes() == at::IntArrayRef(stated.shape)) {
    return "";
  }
  const std::string got =
      tensor.defined() ? fmt::format("{} [{}]", name_of(dtype), fmt::join(tensor.sizes(), ", "))
                       : "not there";
  return fmt::format("{}, the graph says {} [{}]", got, name_of(stated.dtype),
                     fmt::join(stated.shape, ", "));
}

}  // namespace placer::profile
