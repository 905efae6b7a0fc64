#include "policy/torch/round_guard.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace placer::policy {
namespace {

// One weight of 1, and what comes of it in a round that moves it to `value`.
class RoundGuardTest : public testing::Test {
 protected:
  double round(double value, const std::vector<bool>& blew_up = {false, false, false, false}) {
    guard_.begin();
    weight_.fill_(value);
    guard_.end(blew_up);
    return weight_.item<double>();
  }

  at::Tensor weight_ = at::full({1}, 1.0, at::kDouble);
  RoundGuard guard_{{{"w", weight_}}};
};

TEST_F(RoundGuardTest, GoodRoundsAreLeftAlone) {
  EXPECT_EQ(round(2), 2);
  EXPECT_EQ(round(3, {true, true, false, false}), 3);  // no more than half
  EXPECT_EQ(guard_.rollbacks(), 0U);
  EXPECT_EQ(guard_.trouble(2, 0.1), "");
}

TEST_F(RoundGuardTest, WhatBlowsUpIsPutBack) {
  EXPECT_EQ(round(2), 2);
  EXPECT_EQ(round(std::numeric_limits<double>::quiet_NaN()), 2);
  EXPECT_EQ(round(std::numeric_limits<double>::infinity()), 2);
  EXPECT_EQ(round(3, {true, true, true, false}), 2);
  EXPECT_EQ(guard_.rollbacks(), 3U);
  EXPECT_EQ(round(4), 4);
  EXPECT_EQ(guard_.trouble(5, 0.1),
            "the policy blew up and was put back 3 times in 5 rounds; a smaller learning rate than "
            "lr=0.1 may learn more");
}

TEST_F(RoundGuardTest, TenRoundsInARowAreEnough) {
  for (int i = 0; i < 9; ++i) static_cast<void>(round(2, {true}));
  EXPECT_FALSE(guard_.hopeless());
  static_cast<void>(round(2));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(guard_.hopeless());
    static_cast<void>(round(3, {true}));
  }
  EXPECT_TRUE(guard_.hopeless());
  EXPECT_THAT(guard_.trouble(20, 0.5), testing::HasSubstr("in 10 rounds in a row; try a smaller"));
  // A training that goes on has not forgotten.
  RoundGuard other({{"w", weight_}});
  other.restore(guard_.state());
  EXPECT_TRUE(other.hopeless());
}

}  // namespace
}  // namespace placer::policy
