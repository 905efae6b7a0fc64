#pragma once

// Text as users type it: globs over node and module names, "did you mean", blanks.

#include <span>
#include <string>
#include <string_view>

namespace placer {

// Shell-style: * any run of characters (dots too), ? one character, the rest literal; the whole
// text must match.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view text);

// The candidate with the smallest edit distance when that is close enough to be meant, as ` (did
// you mean "x"?)`; else empty.
[[nodiscard]] std::string did_you_mean(std::string_view typed,
                                       std::span<const std::string> candidates);

// Without spaces, tabs and ends of lines around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace placer
