#pragma once

// What is known of a tensor without having it: element type, shape, bytes, and whose storage it
// shares.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "placer/base/units.h"

namespace placer {

// kOpaque: only the number of bytes is known (workloads that are simulated and never executed).
enum class DType : std::uint8_t {
  kOpaque,
  kBool,
  kUint8,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint16,
  kUint32,
  kUint64,
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
};

// The name in files and in PyTorch: "float32". kOpaque has none (empty).
[[nodiscard]] std::string_view name_of(DType dtype);
[[nodiscard]] std::optional<DType> dtype_named(std::string_view name);
[[nodiscard]] std::int64_t item_size(DType dtype);  // bytes; 0 for kOpaque
[[nodiscard]] bool is_floating(DType dtype);

struct TensorSpec {
  DType dtype = DType::kOpaque;
  std::vector<std::int64_t> shape;
  Bytes bytes;  // numel x item size: what a transfer moves
  // Index into the node's inputs whose storage this output shares (a view, or the result of an
  // in-place op): it allocates nothing and keeps that storage alive.
  std::optional<std::uint32_t> alias_of = std::nullopt;
  // Microseconds to move it over a link that copies, where the workload states that instead of
  // leaving it to bytes and bandwidth; times Link::transfer_scale.
  std::optional<double> transfer_us = std::nullopt;
};

// numel x item size; nothing when a dimension is negative or the product overflows 2^62.
[[nodiscard]] std::optional<Bytes> bytes_of(DType dtype, const std::vector<std::int64_t>& shape);

}  // namespace placer
