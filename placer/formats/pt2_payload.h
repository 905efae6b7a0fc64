#pragma once

// The raw tensors of a .pt2 archive: which record holds which parameter, buffer or constant, and
// their values.
//
//   data/weights/<model>_weights_config.json, data/constants/<model>_constants_config.json:
//     {"config": {"conv.weight": {"path_name": "weight_0", "use_pickle": false, "tensor_meta":
//     {...}}}}
//   data/weights/weight_0: the bytes of the whole storage, little-endian; tied tensors name the
//   same record.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/formats/pt2_archive.h"
#include "placer/formats/pt2_tensor.h"
#include "placer/formats/weights.h"

namespace placer {

struct Pt2Record {
  std::string member;  // "data/weights/weight_0"
  bool pickled = false;
  std::optional<Pt2Tensor> layout;

  bool operator==(const Pt2Record&) const = default;
};

// The text of the exported program. Throws Error(kBadInput) when it is missing, damaged or above 1
// GiB.
[[nodiscard]] std::string read_pt2_program_text(const Pt2Archive& archive,
                                                const std::string& model);

// By name in the exported program. Throws Error(kBadInput) with the JSON path in the config; a
// config that is missing gives nothing.
[[nodiscard]] std::map<std::string, Pt2Record> read_pt2_records(const Pt2Archive& archive,
                                                                const std::string& model);

// Throws Error(kBadInput) when the record is missing, damaged, pickled, or too small for its shape.
[[nodiscard]] RawTensor read_pt2_tensor_data(const Pt2Archive& archive, const std::string& name,
                                             const Pt2Record& record);

// Row-major values. Nothing for complex types, and when a value is not finite or an integer is
// beyond 2^53.
[[nodiscard]] std::optional<std::vector<double>> values_of(const RawTensor& tensor);

}  // namespace placer
