#include "policy/blobs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints hold little-endian numbers");

constexpr const char* kDtype = "float64";

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorKind::kBadInput, path.string(), "tensors", what);
}

template <typename T>
bool holds_finite(const std::string& bytes) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

Blob to_blob(std::string name, std::vector<std::int64_t> shape, std::span<const double> values) {
  Blob blob{.name = std::move(name),
            .dtype = kDtype,
            .shape = std::move(shape),
            .bytes = std::string(values.size_bytes(), '\0')};
  if (!values.empty()) std::memcpy(blob.bytes.data(), values.data(), values.size_bytes());
  return blob;
}

std::vector<double> numbers_of(const std::filesystem::path& path, std::span<const Blob> blobs,
                               const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found =
      std::find_if(blobs.begin(), blobs.end(), [&](const Blob& blob) { return blob.name == name; });
  if (found == blobs.end()) refuse(path, fmt::format("\"{}\" is missing", name));
  if (found->dtype != kDtype || found->shape != shape) {
    refuse(path, fmt::format("\"{}\" is {} [{}], this graph and these settings need {} [{}]", name,
                             found->dtype, fmt::join(found->shape, ", "), kDtype,
                             fmt::join(shape, ", ")));
  }
  std::vector<double> values(found->bytes.size() / sizeof(double));
  if (!values.empty()) std::memcpy(values.data(), found->bytes.data(), found->bytes.size());
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) {
    refuse(path, fmt::format("\"{}\" holds numbers that are not finite", name));
  }
  return values;
}

bool all_finite(std::span<const Blob> blobs) {
  return std::all_of(blobs.begin(), blobs.end(), [](const Blob& blob) {
    return blob.dtype == kDtype ? holds_finite<double>(blob.bytes)
                                : holds_finite<float>(blob.bytes);
  });
}

}  // namespace placer::policy
