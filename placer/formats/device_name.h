#pragma once

#include <string>

#include "placer/formats/json_tree.h"

namespace placer {

// A device's name: not empty, without the characters that separate names in options such as
// --pin "GLOB=DEVICE,DEVICE". Throws Error(kBadInput) at `json`.
[[nodiscard]] std::string read_device_name(JsonView json);

}  // namespace placer
