#pragma once

// What a graph holds, in numbers and warnings: what `placer inspect` prints.

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "placer/cost/op_times.h"

namespace placer {

// Ops of one name ("aten.convolution"; overloads together).
struct OpCount {
  std::string op;
  std::size_t count = 0;
  std::array<std::size_t, 3> by_pass{};  // indexed by Pass
  Bytes outputs;                         // memory that their results need; views need none
  std::vector<SimTime> time;             // [kinds]
};

// A module and all inside it, at the level where the graph first divides.
struct ModuleSummary {
  std::string module;  // "" holds the ops of no module
  std::size_t ops = 0;
  Bytes parameters;
  std::vector<SimTime> time;  // [kinds]
};

struct KindSummary {
  std::string kind;
  std::size_t timed = 0;             // ops with a time; the others cannot run on this kind
  SimTime total;                     // of all ops: a step on one such device without overheads
  std::array<SimTime, 3> by_pass{};  // indexed by Pass
  SimTime critical_path;             // no number of such devices is faster
  std::size_t path_ops = 0;

  // How many devices could be busy on average; 0 without times.
  [[nodiscard]] double parallelism() const;
};

struct GraphSummary {
  std::array<std::size_t, 5> nodes{};        // indexed by NodeKind
  std::array<std::size_t, 3> ops_by_pass{};  // indexed by Pass
  std::size_t edges = 0;                     // inputs and control edges of the file

  Bytes parameters;
  Bytes buffers;
  Bytes optimizer;
  Bytes inputs;     // inputs and constants
  Bytes gradients;  // kept by gradient outputs
  std::array<Bytes, 3>
      results{};  // results of ops by Pass, each storage once, gradients too; not alive all at once
  Bytes largest_workspace;
  Bytes resident;  // what ops hold from step to step, beside tensors

  std::size_t colocation_keys = 0;     // distinct keys in the file
  std::size_t colocation_classes = 0;  // units that can move: see Graph::colocation_class
  std::size_t largest_class = 0;       // nodes
  std::string largest_class_node;      // its first

  std::vector<OpCount> ops;  // most time on the first kind first, then most nodes, then name
  std::vector<ModuleSummary> modules;  // in the order of the graph
  std::vector<TensorRef> largest;      // tensors that own memory, largest first, at most 10
  std::vector<NodeId> slowest;     // ops by time on the first kind, at most 10; empty without times
  std::vector<KindSummary> kinds;  // in the order of the file
  std::vector<std::string> warnings;
};

// O(nodes + edges), beyond sorting.
[[nodiscard]] GraphSummary summarize(const Workload& workload);

}  // namespace placer
