#pragma once

// Appends the optimizer's update to a step's nodes, so that the graph is one full training step and
// state counts weights, gradients and slots.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "placer/graph/node.h"

namespace placer {

enum class Optimizer : std::uint8_t { kNone, kSgd, kAdam };

struct OptimizerOptions {
  Optimizer kind = Optimizer::kNone;
  double learning_rate = 0;  // 0: 0.01 for SGD, 0.001 for Adam
  double momentum = 0;       // SGD; needs a slot per parameter when not 0
  double beta1 = 0.9;        // Adam
  double beta2 = 0.999;      // Adam
  double epsilon = 1e-8;     // Adam
};

// Adds, per parameter that has a gradient output, an op "<parameter>.update" of pass kUpdate that
// changes the parameter and its slots in place:
//   SGD   aten._fused_sgd_   (momentum: slot "<parameter>.momentum_buffer")
//   Adam  aten._fused_adam_  (slots "<parameter>.exp_avg" and "<parameter>.exp_avg_sq", and one
//                             step counter for all, "optimizer.step", which an op
//                             "optimizer.step.update" counts up first)
// Bit for bit what torch.optim.SGD and Adam do with fused=True, weight decay 0: their first SGD
// step copies the gradient into the momentum buffer, which equals momentum x 0 + gradient. Slots
// start as zeros, have StateRole::kOptimizer, origin "optimizer.<slot>.<parameter's origin>" and
// the parameter as target. Two gradients of one (tied) parameter are added first.
//   nodes    in an order of execution; gradients have the element order of their parameter in
//            memory, which is contiguous
//   returns  how many parameters are updated
std::size_t append_optimizer(std::vector<Node>& nodes, const OptimizerOptions& options);

[[nodiscard]] std::string_view name_of(Optimizer optimizer);  // "none", "sgd", "adam"

}  // namespace placer
