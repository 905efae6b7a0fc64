#pragma once

// The kinds of source that `placer import` reads: archives of models, workloads with times.

#include <string>

#include "placer/formats/import_pipedream.h"
#include "placer/formats/import_source.h"
#include "placer/formats/pt2.h"
#include "tools/placer/shared.h"

namespace placer::cli {

struct ImportFlags {
  std::string file;
  std::string from;     // name of an ImportSource; empty: by the file's content
  std::string output;   // the graph
  std::string cluster;  // file to write the machines of a workload to
  std::string name;     // of the graph; empty: the file's stem
  std::string optimizer = "none";
  std::string memory;        // of a device of a PipeDream plan, as text; empty: without limit
  PipedreamMachine machine;  // without its memory
  ImportOptions archive;     // without its name and kind of optimizer
};

// Each reads flags.file, writes flags.output, prints what it read and returns the exit status.
int import_archive(ImportFlags flags, const Shared& shared);
// Also writes flags.cluster.
int import_workload(const ImportFlags& flags, ImportSource source, const Shared& shared);

}  // namespace placer::cli
