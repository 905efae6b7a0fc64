#pragma once

// Passes over imported nodes (in an order of execution) that work out what the file does not say.

#include <string>
#include <vector>

#include "placer/graph/node.h"

namespace placer {

// Forward is what the loss, the results and the new state values need; every other op is backward
// when the program has gradients. Outputs keep the pass they have.
void mark_passes(std::vector<Node>& nodes);

// Gives every op without a known module one, in this order:
//   1. the owner of a parameter that it reads, directly or through views;
//   2. backward: the owner of the parameter whose gradient it gives, directly or through views;
//   3. the owner of a buffer that it reads, directly or through views;
//   4. backward: the module of the latest forward op whose result it reads;
//   5. the module of the latest op that it reads.
//   known  [nodes], is set for those that were found
void assign_modules(std::vector<Node>& nodes, std::vector<bool>& known);

// Sets the range [low, high) of integer inputs from what reads them, through views and copies: rows
// of the table for an embedding, classes for a loss, the size of the dimension for gather,
// index_select and indexing. The smallest bound counts; [0, 2) where nothing says more.
//   returns  names of the inputs for which nothing did
std::vector<std::string> infer_ranges(std::vector<Node>& nodes);

}  // namespace placer
