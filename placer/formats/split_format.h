#pragma once

// Splits of the dnn-partitioning code release, read as placements. Private to the reader of those.

#include <string>
#include <string_view>

#include "placer/formats/formats.h"

namespace placer {

// {"cpus": [{"nodes": [1, 2]}], "fpgas": [...]} and nothing that calls itself by a format.
[[nodiscard]] bool is_split(std::string_view text);

// Nodes of the k-th accelerator go to "acc:k", of the k-th CPU to "cpu:k", as
// import_dnn_partitioning names them; the rest of the file (loads, which its authors leave unset)
// is ignored. Throws Error(kBadInput) for ids that are no whole numbers or stand twice, and for a
// split of no node.
[[nodiscard]] PlacementFile read_split(std::string_view text, const std::string& file);

}  // namespace placer
