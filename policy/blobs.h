#pragma once

// Plain numbers as the blobs of a checkpoint, for learners without tensors.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "policy/learner.h"

namespace placer::policy {

// As float64; `shape` has as many entries as there are values.
[[nodiscard]] Blob to_blob(std::string name, std::vector<std::int64_t> shape,
                           std::span<const double> values);

// The numbers of the blob `name`.
//   throws  Error(kBadInput) naming `path` where it is missing, has another type or shape, or holds
//           a number that is not finite
[[nodiscard]] std::vector<double> numbers_of(const std::filesystem::path& path,
                                             std::span<const Blob> blobs, const std::string& name,
                                             const std::vector<std::int64_t>& shape);

// Whether every number of them is, whatever their type.
[[nodiscard]] bool all_finite(std::span<const Blob> blobs);

}  // namespace placer::policy
