#pragma once

// Workloads of the dnn-partitioning code release (Tarnawski, Phanishayee, Devanur, Mahajan, Paravecino:
// Efficient Algorithms for Device Placement of DNN Graph Operators, NeurIPS 2020).

#include <string>
#include <string_view>

#include "placer/formats/imported_workload.h"

namespace placer {

// One op a node, named by its id, with the file's times for the kinds "acc" (accelerators, "FPGA" in
// the file; none where it is not supported) and "cpu"; `size` is the op's resident memory. A node
// with out-edges has one output of 0 bytes whose transfer takes their `cost`; nodes of one
// `colorClass` are colocated. The cluster has maxFPGAs devices "acc:0", ... of maxSizePerFPGA bytes
// and maxCPUs devices "cpu:0", ... without limit. Between an accelerator and a CPU a transfer takes
// its cost, between two accelerators twice that (through the host's memory), between CPUs nothing.
// Milliseconds of the file become microseconds in double precision; sizes with a fraction are
// rounded up to a byte, maxSizePerFPGA down. docs/formats/dnn-partitioning.md has the details.
//   file  its name in errors
//   name  of the graph; empty: the file's stem
// Throws Error(kBadInput) with file and JSON path: what is missing, negative, no number, or of
// another type; ids that stand twice or nowhere; an edge that stands twice or leads back to its
// node; out-edges of one node with different costs; cycles; no device or more than 64.
[[nodiscard]] ImportedWorkload import_dnn_partitioning(std::string_view text,
                                                       const std::string& file,
                                                       const std::string& name = {});

}  // namespace placer
