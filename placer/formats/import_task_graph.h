#pragma once

// Task graphs of scheduling papers: a time for every task on every machine, a cost for every edge.

#include <string>
#include <string_view>

#include "placer/formats/imported_workload.h"

namespace placer {

// Reads a placer.task-graph file, version 1 (docs/formats/task-graph.md): machines, tasks, edges.
// One op a task. Every machine is a device of a kind of its own name; every edge with a cost has an
// output tensor of its own, of 0 bytes, whose transfer takes that cost between any two machines.
// Edges without a cost share one tensor of the task's `output_bytes`, which moves once to a machine
// at `bytes_per_second`. Links have no latency.
//   file  its name in errors
//   name  of the graph; empty: the file's own, else its stem
// Throws Error(kBadInput) with file and JSON path: unknown keys, what is missing, negative or of
// another type, names that stand twice or nowhere, as many times as machines, an edge that stands
// twice or leads back to its task, cycles, no machine or more than 64.
[[nodiscard]] ImportedWorkload import_task_graph(std::string_view text, const std::string& file,
                                                 const std::string& name = {});

}  // namespace placer
