#pragma once

// Imports the archive that torch.export.save writes (a stored zip with JSON inside;
// docs/formats/pt2.md): inference programs and joint forward + backward programs. Needs no
// LibTorch: arguments are kept as the file gives them. Nothing is ever unpickled.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "placer/graph/graph.h"

namespace placer {

enum class Optimizer : std::uint8_t { kNone, kSgd, kAdam };

struct ImportOptions {
  std::string name;   // of the graph; empty: the file's stem
  std::string model;  // inside the archive; empty: its only one
  Optimizer optimizer = Optimizer::kNone;
  double learning_rate = 0;  // 0: 0.01 for SGD, 0.001 for Adam
  double momentum = 0;       // SGD; needs a slot per parameter when not 0
};

struct ImportReport {
  Graph graph;
  std::vector<std::string> notes;  // what a user should know: "schema 8.20 is newer than 8.17: ..."
};

// Throws Error(kBadInput): not such an archive, an unknown version of the format, an argument kind
// or output that cannot be kept, all with the JSON path inside the archive.
[[nodiscard]] ImportReport import_pt2(const std::filesystem::path& path,
                                      const ImportOptions& options);

}  // namespace placer
