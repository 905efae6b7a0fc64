#pragma once

// Writes numbers that were computed in double into tensors of any type, each rounded once.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <ATen/core/Tensor.h>

#include "placer/base/error.h"

namespace placer::profile {

// The float next to `value` that rounding to fewer bits turns into what direct rounding of `value`
// gives ("round to odd"; Boldo, Melquiond 2008): where the conversion is not exact, the neighbour
// with an odd last bit. LibTorch's 16-bit types convert from float only.
[[nodiscard]] inline float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || !std::isfinite(nearest)) {
    return nearest;
  }
  std::uint32_t bits = 0;
  std::memcpy(&bits, &nearest, sizeof bits);
  if ((bits & 1U) != 0) {
    return nearest;
  }
  const float toward = static_cast<double>(nearest) < value ? INFINITY : -INFINITY;
  return std::nextafter(nearest, toward);
}

// Element i of `tensor` (contiguous, row-major) becomes `number(i)`, a double.
template <typename Number>
void fill(at::Tensor& tensor, const Number& number) {
  const auto count = static_cast<std::size_t>(tensor.numel());
  const auto write = [&]<typename T>(T* data) {
    for (std::size_t i = 0; i < count; ++i) {
      const double value = number(i);
      if constexpr (std::is_same_v<T, c10::Half> || std::is_same_v<T, c10::BFloat16>) {
        data[i] = T(round_to_odd(value));
      } else if constexpr (std::is_same_v<T, bool>) {
        data[i] = value != 0;
      } else if constexpr (std::is_same_v<T, c10::complex<float>>) {
        data[i] = T(static_cast<float>(value));
      } else {
        data[i] = static_cast<T>(value);
      }
    }
  };
  switch (tensor.scalar_type()) {
    case at::kBool:
      return write(tensor.mutable_data_ptr<bool>());
    case at::kByte:
      return write(tensor.mutable_data_ptr<std::uint8_t>());
    case at::kChar:
      return write(tensor.mutable_data_ptr<std::int8_t>());
    case at::kShort:
      return write(tensor.mutable_data_ptr<std::int16_t>());
    case at::kInt:
      return write(tensor.mutable_data_ptr<std::int32_t>());
    case at::kLong:
      return write(tensor.mutable_data_ptr<std::int64_t>());
    case at::kUInt16:
      return write(tensor.mutable_data_ptr<std::uint16_t>());
    case at::kUInt32:
      return write(tensor.mutable_data_ptr<std::uint32_t>());
    case at::kUInt64:
      return write(tensor.mutable_data_ptr<std::uint64_t>());
    case at::kHalf:
      return write(tensor.mutable_data_ptr<c10::Half>());
    case at::kBFloat16:
      return write(tensor.mutable_data_ptr<c10::BFloat16>());
    case at::kFloat:
      return write(tensor.mutable_data_ptr<float>());
    case at::kDouble:
      return write(tensor.mutable_data_ptr<double>());
    case at::kComplexFloat:
      return write(tensor.mutable_data_ptr<c10::complex<float>>());
    case at::kComplexDouble:
      return write(tensor.mutable_data_ptr<c10::complex<double>>());
    default:
      PLACER_CHECK(false, "no way to write numbers of this type");
  }
}

}  // namespace placer::profile
