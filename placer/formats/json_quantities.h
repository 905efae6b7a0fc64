#pragma once

// Numbers as foreign JSON spells them: whole ones may be written 17.0, sizes may have a fraction.
// All throw Error(kBadInput) with the value's path. Private to the importers of this folder.

#include <cstdint>
#include <string_view>

#include "placer/formats/imported_workload.h"
#include "placer/formats/json_tree.h"

namespace placer {

inline constexpr double kMostWholeDouble = 0x1p53;  // every whole number up to it is a double
inline constexpr std::string_view kWhatBytes = "a number of bytes from 0 to 2^56";

// From 0 to `most`.
[[nodiscard]] double read_amount(JsonView json, double most, std::string_view what);
// Rounded up to a byte.
[[nodiscard]] Bytes read_bytes(JsonView json);
// From `least` to 2^53.
[[nodiscard]] std::int64_t read_whole(JsonView json, double least, std::string_view what);
// Adds the time that stands at `json`; throws when all together are too much.
void add_up(JsonView json, StatedTotal& total, SimTime time);

}  // namespace placer
