#pragma once

// What `placer import` can read, and which of it a file is.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace placer {

enum class ImportSource : std::uint8_t { kPt2, kDnnPartitioning, kPipedream, kTaskGraph };

inline constexpr std::array kImportSources{ImportSource::kPt2, ImportSource::kDnnPartitioning,
                                           ImportSource::kPipedream, ImportSource::kTaskGraph};

// "pt2", "dnn-partitioning", "pipedream", "task-graph".
[[nodiscard]] std::string_view name_of(ImportSource source);

// By the start of the file's content; kPt2 where that tells nothing, since the reader of archives
// says best what a file is instead. Throws Error(kBadInput) when a compressed file is damaged.
[[nodiscard]] ImportSource recognise_source(const std::filesystem::path& path);

}  // namespace placer
