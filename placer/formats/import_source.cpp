#include "placer/formats/import_source.h"

#include <fstream>
#include <string>

#include "placer/base/files.h"

namespace placer {
namespace {

constexpr std::size_t kLookedAt = std::size_t{1} << 16;
constexpr std::string_view kZstandard = "\x28\xB5\x2F\xFD";

std::string start_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(kLookedAt, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return start.starts_with(kZstandard) ? read_file(path).substr(0, kLookedAt) : start;
}

}  // namespace

std::string_view name_of(ImportSource source) {
  switch (source) {
    case ImportSource::kPt2:
      return "pt2";
    case ImportSource::kDnnPartitioning:
      return "dnn-partitioning";
    case ImportSource::kPipedream:
      return "pipedream";
    case ImportSource::kTaskGraph:
      return "task-graph";
  }
  return {};
}

ImportSource recognise_source(const std::filesystem::path& path) {
  const std::string start = start_of(path);
  const auto has = [&](std::string_view part) { return start.find(part) != std::string::npos; };
  if (start.starts_with("PK")) {
    return ImportSource::kPt2;
  }
  if (has("\"placer.task-graph\"")) {
    return ImportSource::kTaskGraph;
  }
  if (has("\"maxFPGAs\"") || has("\"maxSizePerFPGA\"") || has("\"fpgaLatency\"")) {
    return ImportSource::kDnnPartitioning;
  }
  if (has(" -- forward_compute_time=")) {
    return ImportSource::kPipedream;
  }
  return ImportSource::kPt2;
}

}  // namespace placer
