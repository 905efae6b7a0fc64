#pragma once

// Values that several kinds of config have. Private to the readers of this folder.

#include <string>

#include "placer/formats/json_tree.h"

namespace placer {

// Parameters are text wherever they are used; in a file a number or a flag may stand without
// quotes.
[[nodiscard]] std::string read_parameter(JsonView json);
// As parse_budget() takes it; a number of evaluations may stand without quotes.
[[nodiscard]] std::string read_budget(JsonView json);

}  // namespace placer
