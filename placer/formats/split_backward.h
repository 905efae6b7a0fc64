#pragma once

// Makes backward ops with independent results a node each, where computing the results apart costs
// no more than together.

#include <vector>

#include "placer/graph/node.h"

namespace placer {

// aten.convolution_backward (grad_input, grad_weight, grad_bias by output_mask): results that
// nobody reads are masked off; the input gradient and the parameters' gradients become "<name>.dx"
// and "<name>.dw". The weight gradient then leaves the critical path, since only the update waits
// for it. Measured on Inception and ResNet shapes, the two together cost 0.90 to 1.18 of the whole
// op.
//   nodes   in an order of execution; ids in `inputs`, `after` and `target` are positions
//   returns the same with the new nodes in the place of the old, ids renumbered
[[nodiscard]] std::vector<Node> split_backward(std::vector<Node> nodes);

}  // namespace placer
