#pragma once

// What an expert writes down instead of leaving it to module order: a file of lines
//   GLOB -> DEVICE     # comment
// in order. A node is on the device of the first line that it matches; globs are those of
// constraints (node names and module paths).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "placer/algorithm/unit_table.h"

namespace placer {

struct ExpertRule {
  std::size_t line = 0;
  std::string glob;
  std::string device;
};

// Throws Error(kBadInput) with file and line for a line that is no rule, and for a file with none.
[[nodiscard]] std::vector<ExpertRule> parse_expert_rules(std::string_view text,
                                                         const std::string& file);

// The device that the rules give each unit: that of the first line that one of its nodes matches;
// nothing for the others, [units]. Of a graph of groups, the nodes are those inside the groups.
// Throws Error(kBadInput) with file and line for an unknown device and a glob that matches nothing.
[[nodiscard]] std::vector<std::optional<DeviceId>> apply_expert_rules(
    const Problem& problem, const std::vector<ExpertRule>& rules, const std::string& file);

}  // namespace placer
