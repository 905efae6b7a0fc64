#pragma once

// Which build this is, for --version and for the files that name the tool that wrote them.

#include <string>

namespace placer::cli {

// The version alone, such as "0.1.0".
[[nodiscard]] std::string tool_version();

// Three lines without a final newline: version and revision; LibTorch and its CUDA; compiler.
[[nodiscard]] std::string build_info();

}  // namespace placer::cli
