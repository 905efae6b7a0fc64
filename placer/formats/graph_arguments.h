#pragma once

// Arguments of operators as JSON: natural where JSON says enough (1, 1.0, true, "sum", null, [1,
// 2]), tagged where it does not
// ({"in": 0}, {"dtype": "float32"}, {"floats": []}). docs/formats/graph.md lists all forms. Private
// to the graph's reader and writer.

#include <string>

#include "placer/formats/json_tree.h"
#include "placer/graph/node.h"

namespace placer {

// Throws Error(kBadInput) with the place for a form that means nothing.
[[nodiscard]] ArgumentValue read_argument(JsonView json);

void append_argument(std::string& out, const ArgumentValue& value);

// A number, or "inf", "-inf", "nan", which JSON numbers cannot say.
[[nodiscard]] double read_any_double(JsonView json);
void append_any_double(std::string& out, double value);

}  // namespace placer
