#pragma once

// Raw values of state tensors, read lazily from the records of a .pt2 archive.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/graph/tensor.h"

namespace placer {

struct RawTensor {
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // elements
  std::int64_t offset = 0;            // elements
  std::string data;                   // little-endian bytes of the whole storage
};

class WeightArchive {
 public:
  virtual ~WeightArchive() = default;
  // The record of a parameter, buffer or constant by its name in the exported program; nothing when
  // the archive has none. Throws Error(kBadInput) when it is damaged (CRC) or its size does not fit
  // its shape.
  [[nodiscard]] virtual std::optional<RawTensor> read(std::string_view name) = 0;
};

// Throws Error(kBadInput) when the file is not a .pt2 archive, or holds another program.
//   expected_hash  GraphInfo::source_hash, or empty: not checked
//   model          GraphInfo::weights_model; where the archive has none of that name, its only one
[[nodiscard]] std::unique_ptr<WeightArchive> open_weights(const std::filesystem::path& path,
                                                          std::string_view expected_hash,
                                                          std::string_view model = "");

}  // namespace placer
