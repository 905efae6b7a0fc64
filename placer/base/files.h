#pragma once

// Whole-file input and output. Nothing is ever half-written: a file is written beside its target,
// synced and renamed.

#include <filesystem>
#include <string>
#include <string_view>

namespace placer {

// Reads a file; one that starts with the Zstandard magic number is decompressed on the way.
// Throws Error(kBadInput) when it cannot be read, is damaged, or expands to more than `limit`
// bytes.
[[nodiscard]] std::string read_file(const std::filesystem::path& path,
                                    std::size_t limit = std::size_t{4} << 30);

// Replaces `path` in one step, unless it is a device or a pipe, which is written to; a name that
// ends in .zst is compressed. Throws Error(kInternal) with
// the system's reason.
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace placer
