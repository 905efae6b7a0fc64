#include "placer/graph/tensor.h"

#include <array>

namespace placer {
namespace {

struct DTypeFacts {
  std::string_view name;
  std::int64_t size;
};

// Indexed by DType.
constexpr std::array<DTypeFacts, 16> kFacts{{{"", 0},
                                             {"bool", 1},
                                             {"uint8", 1},
                                             {"int8", 1},
                                             {"int16", 2},
                                             {"int32", 4},
                                             {"int64", 8},
                                             {"uint16", 2},
                                             {"uint32", 4},
                                             {"uint64", 8},
                                             {"float16", 2},
                                             {"bfloat16", 2},
                                             {"float32", 4},
                                             {"float64", 8},
                                             {"complex64", 8},
                                             {"complex128", 16}}};

constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;

}  // namespace

std::string_view name_of(DType dtype) {
  return kFacts[static_cast<std::size_t>(dtype)].name;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 1; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) {
      return static_cast<DType>(i);
    }
  }
  return std::nullopt;
}

std::int64_t item_size(DType dtype) {
  return kFacts[static_cast<std::size_t>(dtype)].size;
}

bool is_floating(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16 || dtype == DType::kFloat32 ||
         dtype == DType::kFloat64;
}

std::optional<Bytes> bytes_of(DType dtype, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = item_size(dtype);
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && bytes > kMostBytes / size)) {
      return std::nullopt;
    }
    bytes *= size;
  }
  return Bytes{bytes};
}

}  // namespace placer
