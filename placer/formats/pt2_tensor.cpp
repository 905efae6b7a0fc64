#include "placer/formats/pt2_tensor.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

namespace placer {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMostDimensions = 64;  // ATen's own limit

}  // namespace

std::int64_t Pt2Tensor::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) {
    count *= size;
  }
  return count;
}

bool Pt2Tensor::contiguous() const {
  std::int64_t expected = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] != 1 && strides[i] != expected) {
      return numel() == 0;
    }
    expected *= sizes[i];
  }
  return true;
}

bool same_strides(const Pt2Tensor& a, const Pt2Tensor& b) {
  if (a.sizes != b.sizes) {
    return false;
  }
  for (std::size_t i = 0; i < a.sizes.size(); ++i) {
    if (a.sizes[i] > 1 && a.strides[i] != b.strides[i]) {
      return false;
    }
  }
  return true;
}

bool viewable(const Pt2Tensor& base, const std::vector<std::int64_t>& sizes) {
  if (base.numel() == 0) {
    return true;
  }
  // Dimensions of size 1 can go anywhere.
  std::vector<std::int64_t> from;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> to;
  for (std::size_t i = 0; i < base.sizes.size(); ++i) {
    if (base.sizes[i] != 1) {
      from.push_back(base.sizes[i]);
      strides.push_back(base.strides[i]);
    }
  }
  std::copy_if(sizes.begin(), sizes.end(), std::back_inserter(to),
               [](std::int64_t size) { return size != 1; });
  // From the back: dimensions of the base without a gap between them form a chunk, which some of
  // the new dimensions must fill.
  std::int64_t chunk = 1;
  std::size_t next = to.size();
  for (std::size_t i = from.size(); i-- > 0;) {
    chunk *= from[i];
    if (i > 0 && strides[i - 1] == from[i] * strides[i]) {
      continue;
    }
    std::int64_t covered = 1;
    while (next > 0 && covered < chunk) {
      covered *= to[--next];
    }
    if (covered != chunk) {
      return false;
    }
    chunk = 1;
  }
  return next == 0;
}

DType read_pt2_dtype(JsonView code) {
  const std::int64_t value = code.as_integer(0, kMost, "a code of torch.export's ScalarType");
  switch (value) {
    case 1:
      return DType::kUint8;
    case 2:
      return DType::kInt8;
    case 3:
      return DType::kInt16;
    case 4:
      return DType::kInt32;
    case 5:
      return DType::kInt64;
    case 6:
      return DType::kFloat16;
    case 7:
      return DType::kFloat32;
    case 8:
      return DType::kFloat64;
    case 10:
      return DType::kComplex64;
    case 11:
      return DType::kComplex128;
    case 12:
      return DType::kBool;
    case 13:
      return DType::kBFloat16;
    case 28:
      return DType::kUint16;
    case 34:
      return DType::kUint32;
    case 35:
      return DType::kUint64;
    default:
      code.fail(
          "element type " + std::to_string(value) +
          " is not supported (8-bit floats, half-precision complex and quantized types are not)");
  }
}

MemoryFormat read_pt2_memory_format(JsonView code) {
  constexpr std::array kFormats{MemoryFormat::kContiguous, MemoryFormat::kChannelsLast,
                                MemoryFormat::kChannelsLast3d, MemoryFormat::kPreserve};
  return kFormats[static_cast<std::size_t>(code.as_integer(1, 4, "a memory format, 1 to 4")) - 1];
}

Layout read_pt2_layout(JsonView code) {
  constexpr std::int64_t kStrided = 7;
  if (code.as_integer(0, kMost, "a layout") != kStrided) {
    code.fail("layout " + code.number_text() + " is not supported, expected 7 (strided)");
  }
  return Layout::kStrided;
}

std::int64_t read_pt2_size(JsonView size, std::size_t& symbolic) {
  if (const auto value = size.find("as_int")) {
    return value->as_integer(-kMost - 1, kMost, "an integer");
  }
  const JsonView expression = size.at("as_expr", "\"as_int\" or \"as_expr\"");
  const auto hint = expression.find("hint");
  if (!hint || hint->is_null() || !hint->find("as_int")) {
    expression.fail(
        "this size depends on the data: it has no hint, so that the step's shapes are not known");
  }
  ++symbolic;
  return hint->at("as_int", "an integer").as_integer(-kMost - 1, kMost, "an integer");
}

Pt2Tensor read_pt2_tensor(JsonView meta, std::size_t& symbolic) {
  Pt2Tensor tensor;
  tensor.dtype = read_pt2_dtype(meta.at("dtype", "the element type"));
  if (const auto layout = meta.find("layout")) {
    (void)read_pt2_layout(*layout);
  }
  const JsonView sizes = meta.at("sizes", "a list of sizes");
  for (const JsonView size : sizes.elements()) {
    tensor.sizes.push_back(read_pt2_size(size, symbolic));
    if (tensor.sizes.back() < 0) {
      size.fail("is negative");
    }
  }
  if (static_cast<std::int64_t>(tensor.sizes.size()) > kMostDimensions ||
      !bytes_of(tensor.dtype, tensor.sizes)) {
    sizes.fail("the tensor's size overflows");
  }
  std::size_t ignored = 0;
  const JsonView strides = meta.at("strides", "a list of strides");
  for (const JsonView stride : strides.elements()) {
    tensor.strides.push_back(read_pt2_size(stride, ignored));
  }
  if (tensor.strides.size() != tensor.sizes.size()) {
    strides.fail("has " + std::to_string(tensor.strides.size()) + " strides, expected " +
                 std::to_string(tensor.sizes.size()));
  }
  if (const auto offset = meta.find("storage_offset")) {
    tensor.offset = read_pt2_size(*offset, ignored);
  }
  return tensor;
}

}  // namespace placer
