#pragma once

// Layer profiles of PipeDream (Narayanan et al., PipeDream: Generalized Pipeline Parallelism for DNN
// Training, SOSP 2019): the graph.txt files of its profiler.

#include <string>
#include <string_view>

#include "placer/formats/imported_workload.h"

namespace placer {

// What a profile does not say: the machine to plan for.
struct PipedreamMachine {
  std::size_t devices = 4;        // 1 .. kMaxDevices, "acc:0", ...
  double bytes_per_second = 1e9;  // between any two, each way; above 0
  Bytes memory = kMostMemory;     // of each
};

// A layer "node7" becomes a forward op "node7" (resident: its parameters; output: its activations) and
// a backward op "node7.backward", colocated. The backward op reads the layer's own activations and the
// gradients that its successors' backward ops make: one tensor an edge, as large as the producer's
// activations. A layer whose description starts with "Input" becomes an input: its time, which is
// that of loading data, counts nothing, as in PipeDream's own planner. Times are milliseconds a
// minibatch, sizes bytes. docs/formats/pipedream.md tells how the planner's objective follows.
//   file  its name in errors
//   name  of the graph; empty: the file's stem
// Throws Error(kBadInput) with file and line: fields that are missing, negative or no numbers, ids
// that stand twice or nowhere, edges that stand twice or lead back, cycles, a file without a layer.
[[nodiscard]] ImportedWorkload import_pipedream(std::string_view text, const std::string& file,
                                                const PipedreamMachine& machine,
                                                const std::string& name = {});

}  // namespace placer
