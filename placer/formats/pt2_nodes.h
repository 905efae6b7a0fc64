#pragma once

// From the exported program to the nodes of a graph.

#include <string>
#include <unordered_map>
#include <vector>

#include "placer/formats/pt2_program.h"
#include "placer/graph/node.h"

namespace placer {

struct Pt2NodeOptions {
  // Names of parameters and buffers that are one tensor under several names -> the name that stands
  // for all.
  std::unordered_map<std::string, std::string> tied;
  // An optimizer follows that walks parameter and gradient in memory order: gradients of another
  // element order are copied first, parameters with gaps refused.
  bool gradients_as_parameters = false;
};

struct Pt2Nodes {
  std::vector<Node> nodes;         // in an order of execution; passes are not set but on outputs
  std::vector<bool> module_known;  // [nodes]: the file says it
};

// Inputs, state and constants first, then a node per call, outputs last.
//   names     Parameters, buffers and constants are called as in the model ("features.0.weight"),
//             calls and user inputs as in the program; a name of the model that a call has too
//             gives way to the program's name for it ("p_features_0_weight").
//   views     name their base (alias_of). A view that shows the same elements in the same shape as
//             its base or as an earlier view (detach, t of t, the same t in every unrolled step)
//             vanishes: its readers read that one. One that nobody is left to read vanishes too.
//   in place  After a write nobody reads an old name: the writer's result takes its place, and
//             other views of the same memory are taken again from that result (aten.as_strided).
//             A user input is copied before the first write to it.
// Throws Error(kBadInput) with the JSON path for what cannot be expressed.
[[nodiscard]] Pt2Nodes make_nodes(const Pt2Program& program, const Pt2NodeOptions& options);

}  // namespace placer
