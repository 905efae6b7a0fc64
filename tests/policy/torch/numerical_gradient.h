#pragma once

// Compares gradients with finite differences.

#include <cstdint>
#include <span>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/torch/policy_network.h"

namespace placer::policy::test {

// Expects of every value of every double parameter that the gradient of loss(), a scalar tensor, is
// the central difference, to `tolerance`.
template <typename Loss>
void expect_numerical_gradient(std::span<const NamedTensor> parameters, const Loss& loss,
                               double tolerance = 1e-7) {
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : parameters) values.push_back(parameter.value);
  const auto gradients = torch::autograd::grad({loss()}, values);
  const at::NoGradGuard guard;
  constexpr double step = 1e-5;
  for (std::size_t p = 0; p < values.size(); ++p) {
    double* data = values[p].mutable_data_ptr<double>();
    const at::Tensor gradient = gradients[p].contiguous();
    for (std::int64_t i = 0; i < values[p].numel(); ++i) {
      const double before = data[i];
      data[i] = before + step;
      const double above = loss().template item<double>();
      data[i] = before - step;
      const double below = loss().template item<double>();
      data[i] = before;
      EXPECT_NEAR((above - below) / (2 * step), gradient.const_data_ptr<double>()[i], tolerance)
          << parameters[p].name << "[" << i << "]";
    }
  }
}

// The same of log-probabilities of every decision and of the entropy of the proposals, through the
// reading of the graph.
inline void expect_numerical_gradient_of_evaluation(PolicyNetwork& network,
                                                    std::span<const Proposal> proposals) {
  const at::Tensor shape = network.evaluate(proposals).log_probability.detach();
  const at::Tensor direction = at::rand_like(shape) - 0.5;
  expect_numerical_gradient(
      network.parameters(),
      [&] {
        network.encode();
        const Evaluation all = network.evaluate(proposals);
        return (all.log_probability * direction).sum() + all.entropy.sum();
      },
      1e-6);
}

}  // namespace placer::policy::test
