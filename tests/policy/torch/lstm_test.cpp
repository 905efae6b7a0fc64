#include "policy/torch/lstm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

namespace placer::policy {
namespace {

at::Tensor random_double(std::vector<std::int64_t> shape) {
  return (at::rand(shape, at::kDouble) - 0.5).requires_grad_();
}

// LibTorch orders the gates i f g o, ours are o i f g.
at::Tensor to_library_order(const at::Tensor& gates, std::int64_t dim) {
  const auto part = gates.chunk(4, dim);
  return at::cat({part[1], part[2], part[3], part[0]}, dim);
}

// The same recurrence by LibTorch's own cell and its tape.
at::Tensor library_sequence(const at::Tensor& input_gates, const at::Tensor& weight) {
  const std::int64_t hidden = weight.size(1);
  const at::Tensor identity = at::eye(4 * hidden, at::kDouble);
  at::Tensor state = at::zeros({input_gates.size(1), hidden}, at::kDouble);
  at::Tensor cell = at::zeros_like(state);
  std::vector<at::Tensor> states;
  for (std::int64_t t = 0; t < input_gates.size(0); ++t) {
    std::tie(state, cell) = at::lstm_cell(to_library_order(input_gates.select(0, t), 1),
                                          {state, cell}, identity, to_library_order(weight, 0));
    states.push_back(state);
  }
  return at::stack(states);
}

class LstmSequence : public testing::TestWithParam<std::int64_t> {};

TEST_P(LstmSequence, StatesAndGradientsAreThoseOfTheLibrary) {
  const std::int64_t steps = GetParam();
  const at::Tensor gates = random_double({steps, 3, 20});
  const at::Tensor weight = random_double({20, 5});
  const at::Tensor direction = at::rand({steps, 3, 5}, at::kDouble);
  const at::Tensor ours = lstm_sequence(gates, weight);
  const at::Tensor theirs = library_sequence(gates, weight);
  EXPECT_TRUE(ours.allclose(theirs, 1e-12, 1e-12));
  const auto our_gradients =
      torch::autograd::grad({(ours * direction).sum()}, {gates, weight}, {}, {}, false, true);
  const auto their_gradients =
      torch::autograd::grad({(theirs * direction).sum()}, {gates, weight}, {}, {}, false, true);
  EXPECT_TRUE(our_gradients[0].allclose(their_gradients[0], 1e-10, 1e-12));
  // With one step the recurrent weight is not used: the library multiplies it with zeros.
  EXPECT_TRUE(our_gradients[1].allclose(their_gradients[1], 1e-10, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(Steps, LstmSequence, testing::Values(1, 2, 7));

}  // namespace
}  // namespace placer::policy
