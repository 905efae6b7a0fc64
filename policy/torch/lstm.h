#pragma once

// The recurrence of an LSTM layer whose input projections are already computed, differentiable,
// with the weight gradient as one matrix product after the loop (variant E of notes on speed in
// docs/colocrl.md).

#include <ATen/core/Tensor.h>

namespace placer::policy {

// With [o i f] = sigmoid, g = tanh of the four quarters of gates_t = input_gates_t + h_(t-1) W^T:
//   c_t = f * c_(t-1) + i * g,   h_t = o * tanh(c_t),   c_(-1) = h_(-1) = 0
//   input_gates  [steps, batch, 4 hidden], biases included
//   weight       [4 hidden, hidden]
//   returns      h [steps, batch, hidden]
[[nodiscard]] at::Tensor lstm_sequence(const at::Tensor& input_gates, const at::Tensor& weight);

// One step of the same without gradients: takes and overwrites gates [batch, 4 hidden] (recurrent
// part included) and cell [batch, hidden]; returns h.
[[nodiscard]] at::Tensor lstm_step(at::Tensor& gates, at::Tensor& cell);

}  // namespace placer::policy
