#include "policy/torch/joint_optimizer.h"

#include <limits>
#include <stdexcept>
#include <thread>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "placer/base/parallel.h"

namespace placer::policy {
namespace {

std::vector<NamedTensor> three_numbers() {
  return {{"w", at::zeros({3}, at::kDouble).requires_grad_()}};
}

// Pulls the weights towards `target`.
at::Tensor pull(const std::vector<NamedTensor>& own, double target) {
  return (own[0].value - target).square().sum();
}

std::vector<double> values(const std::vector<NamedTensor>& weights) {
  const at::Tensor flat = weights[0].value.detach().contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// Learner w pulls towards targets[w] in steps[w] steps; a pause where it would come first.
std::vector<double> learn(const std::vector<double>& targets, const std::vector<int>& steps,
                          std::size_t running, bool first_is_slow) {
  const std::vector<NamedTensor> weights = three_numbers();
  JointOptimizer optimizer(weights, 0.05, 100, running);
  optimizer.expect(targets.size());
  run_in_parallel(targets.size(), targets.size(), [&](std::size_t w, std::size_t) {
    JointOptimizer::Seat seat(optimizer, w);
    const std::vector<NamedTensor> own = three_numbers();
    seat.load(own);
    for (int i = 0; i < steps[w]; ++i) {
      if (first_is_slow == (w == 0)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      EXPECT_TRUE(seat.minimize(pull(own, targets[w]), own).applied);
    }
  });
  return values(weights);
}

TEST(JointOptimizer, StepsFollowTheMeanGradient) {
  // Towards 0 and 4: the mean is that towards 2, and so are Adam's steps.
  const std::vector<double> together = learn({0, 4}, {30, 30}, 2, true);
  EXPECT_EQ(together, learn({2}, {30}, 1, true));
  EXPECT_NEAR(together[0], 1.4, 0.2);
}

TEST(JointOptimizer, WhoIsFastDoesNotMatter) {
  const std::vector<double> expected = learn({1, 2, 3}, {10, 10, 10}, 3, true);
  EXPECT_EQ(learn({1, 2, 3}, {10, 10, 10}, 3, false), expected);
  EXPECT_EQ(learn({1, 2, 3}, {10, 10, 10}, 1, false), expected);
}

TEST(JointOptimizer, WhoLeavesIsNotWaitedFor) {
  const std::vector<NamedTensor> weights = three_numbers();
  JointOptimizer optimizer(weights, 0.05, 100, 2);
  optimizer.expect(3);
  EXPECT_THROW(run_in_parallel(3, 3,
                               [&](std::size_t w, std::size_t) {
                                 JointOptimizer::Seat seat(optimizer, w);
                                 const std::vector<NamedTensor> own = three_numbers();
                                 seat.load(own);
                                 for (int i = 0; i < 5 * static_cast<int>(w + 1); ++i) {
                                   if (w == 1 && i == 3)
                                     throw std::runtime_error("a learner fails");
                                   static_cast<void>(seat.minimize(pull(own, 1), own));
                                 }
                               }),
               std::runtime_error);
  EXPECT_EQ(optimizer.steps(), 15U);
}

TEST(JointOptimizer, WhatIsNotFiniteDoesNotCount) {
  const std::vector<NamedTensor> weights = three_numbers();
  JointOptimizer optimizer(weights, 0.05, 100, 2);
  optimizer.expect(2);
  run_in_parallel(2, 2, [&](std::size_t w, std::size_t) {
    JointOptimizer::Seat seat(optimizer, w);
    const std::vector<NamedTensor> own = three_numbers();
    seat.load(own);
    const double target = w == 0 ? std::numeric_limits<double>::infinity() : 1;
    EXPECT_EQ(seat.minimize(pull(own, target), own).applied, w == 1);
  });
  EXPECT_NEAR(values(weights)[0], 0.05, 1e-6);
}

}  // namespace
}  // namespace placer::policy
