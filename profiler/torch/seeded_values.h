#pragma once

// First values of a graph's sources, made from a seed: the same numbers on every machine, and in
// the Python exporter, which has the same rule in numpy. The rule is docs/seeded-values.md; a
// change of it changes every golden loss.

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "placer/graph/node.h"

namespace placer::profile {

// The random stream of one tensor: element i is unit_number(key, i), uniform in [0, 1) in steps of
// 2^-24.
[[nodiscard]] std::uint64_t value_key(std::uint64_t seed, std::string_view name);
[[nodiscard]] double unit_number(std::uint64_t key, std::uint64_t element);

// The first value of output 0 of a state, input or constant node, a new contiguous tensor:
// Node::values where the file has them, else by the rule, from Node::origin (Node::name where that
// is empty).
[[nodiscard]] at::Tensor first_value(const Node& node, std::uint64_t seed);

// What random op `name` draws from in step `step`: independent of schedule, placement and process.
[[nodiscard]] std::uint64_t random_op_seed(std::uint64_t seed, std::string_view name,
                                           std::uint64_t step);

}  // namespace placer::profile
