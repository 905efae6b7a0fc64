#pragma once

// Does it fit, and what fills the memory: answered before any search.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"

namespace placer {

// Bytes by what they are for.
struct MemoryParts {
  Bytes parameters;
  Bytes buffers;
  Bytes gradients;  // tensors kept by gradient outputs
  Bytes optimizer;  // slots
  Bytes inputs;     // inputs and constants
  // Peak of everything else that is alive at once, in default order on one device.
  Bytes activations;
  Bytes workspace;  // largest of one op
  Bytes resident;   // what ops hold from step to step

  [[nodiscard]] Bytes total() const;
};

// Of the whole graph as if on one device.
[[nodiscard]] MemoryParts memory_parts(const CostModel& costs);

// What can be said of one device before searching.
struct DeviceFit {
  Bytes limit;
  Bytes needed_alone;  // peak with every node on it
  bool fits_alone = false;
};
// [devices]; `limits` as in Constraints.
[[nodiscard]] std::vector<DeviceFit> fit_alone(const CostModel& costs,
                                               std::span<const Bytes> limits);

// Nonempty when even all devices together are too small for the state and the gradients: which is
// short and by how much.
[[nodiscard]] std::string certainly_infeasible(const CostModel& costs,
                                               const Constraints& constraints);

}  // namespace placer
