#include "placer/evaluate/step_noise.h"

#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace placer {
namespace {

// Relative to their means, 99 and 101 are off by 0.01, and so are 198 and 202: 4 squares of 1e-4
// over 2 degrees of freedom are 2e-4.
TEST(StepNoise, PoolsWhatStepsOfEachPlacementDifferBy) {
  StepNoise noise;
  noise.add(std::vector<SimTime>{{99}, {101}});
  noise.add(std::vector<SimTime>{{198}, {202}});
  EXPECT_NEAR(noise.squared_error(4), std::numbers::pi / 2 * 2e-4 / 4, 1e-12);
  EXPECT_NEAR(noise.squared_error(1), std::numbers::pi / 2 * 2e-4, 1e-12);
}

TEST(StepNoise, KnowsNothingOfSingleStepsAndOfPredictions) {
  StepNoise noise;
  noise.add(std::vector<SimTime>{{99}});
  noise.add({});
  EXPECT_EQ(noise.squared_error(3), 0);
  noise.add(std::vector<SimTime>{{99}, {101}});
  EXPECT_EQ(noise.squared_error(0), 0);
}

}  // namespace
}  // namespace placer
