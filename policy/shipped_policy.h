#pragma once

// The policy that comes with the program (configs/policies): part of the binary, so that it is there
// wherever the program is.

#include <string_view>

namespace placer::policy {

// What names it where a policy file can be given.
inline constexpr std::string_view kShippedPolicy = "shipped";
// What a setting `policy` names: a file, unless it is empty (no policy) or the shipped one.
[[nodiscard]] constexpr bool is_policy_file(std::string_view name) {
  return !name.empty() && name != kShippedPolicy;
}

// Bytes of the policy file of "dual".
[[nodiscard]] std::string_view shipped_policy();

}  // namespace placer::policy
