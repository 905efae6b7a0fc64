#pragma once

// The parts of a graph file that stand for themselves: everything but the references among nodes.
// Private to the graph's reader. All throw Error(kBadInput) with the place.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "placer/cost/op_times.h"
#include "placer/formats/json_tree.h"
#include "placer/graph/graph.h"

namespace placer {

[[nodiscard]] NodeKind read_kind(JsonView json);
[[nodiscard]] Pass read_pass(JsonView json);
[[nodiscard]] StateRole read_state_role(JsonView json);
[[nodiscard]] OutputRole read_output_role(JsonView json);
// The keys that a node of this kind may have.
[[nodiscard]] std::span<const std::string_view> keys_of(NodeKind kind);

[[nodiscard]] TensorSpec read_tensor(JsonView json);
// An index into a node's inputs; whether the node has so many is checked when the graph is built.
[[nodiscard]] std::uint32_t read_input_number(JsonView json);
// `time`, with the number that it was stated by where whole picoseconds do not give that back.
[[nodiscard]] OpTime time_as_stated(SimTime time, double microseconds);
// One entry of "time_us".
[[nodiscard]] std::optional<OpTime> read_op_time(JsonView json);

// "name" and "source" of the root.
[[nodiscard]] GraphInfo read_info(JsonView root);
// "times" of the root: kinds without their ops.
[[nodiscard]] std::vector<KindTimes> read_kinds(JsonView root);

}  // namespace placer
