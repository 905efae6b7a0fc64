#pragma once

// Imports the archive that torch.export.save writes (a stored zip with JSON inside;
// docs/formats/pt2.md): inference programs and joint forward + backward programs. Needs no
// LibTorch: arguments are kept as the file gives them. Nothing is ever unpickled.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "placer/graph/graph.h"
#include "placer/graph/optimizer.h"

namespace placer {

struct ImportOptions {
  std::string name;   // of the graph; empty: the file's stem
  std::string model;  // inside the archive; empty: its only one
  OptimizerOptions optimizer;
  bool seeded_weights = false;  // the graph does not name the archive as the source of its weights
};

struct ImportReport {
  Graph graph;
  // Operator calls in the file, before identities vanish and ops are split.
  std::size_t program_calls = 0;
  std::vector<std::string> notes;  // what a user should know: "schema 8.20 is newer than 8.17: ..."
};

// Throws Error(kBadInput): not such an archive, an unknown version of the format, an argument kind
// or output that cannot be kept, all with the JSON path inside the archive; Error(kUsage) for an
// optimizer on a program without gradients.
[[nodiscard]] ImportReport import_pt2(const std::filesystem::path& path,
                                      const ImportOptions& options);

}  // namespace placer
