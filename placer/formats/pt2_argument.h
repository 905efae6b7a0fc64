#pragma once

// One argument of an operator call as torch.export writes it: an object with one key that says its
// kind.

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "placer/formats/json_tree.h"
#include "placer/graph/node.h"

namespace placer {

// Integers, floats and booleans that were symbolic in the program, by name, fixed to their hint.
using Pt2Symbols = std::unordered_map<std::string, ArgumentValue>;

// What an argument's kind needs from its surroundings.
struct Pt2ArgumentContext {
  const Pt2Symbols* symbols;
  // Registers the use of a tensor: its number among the call's inputs.
  std::function<std::uint32_t(JsonView name)> input;
};

// The only member of a union such as {"as_int": 3}. Throws Error(kBadInput) when there is not
// exactly one.
[[nodiscard]] JsonView pt2_union_member(JsonView value);

// The number in an as_int, as_float or as_bool member. Infinities are written as text.
[[nodiscard]] ArgumentValue read_pt2_number(JsonView member);

// Throws Error(kBadInput) with the JSON path for a kind that cannot be kept or is not known.
[[nodiscard]] ArgumentValue read_pt2_argument(JsonView argument, const Pt2ArgumentContext& context);

}  // namespace placer
