#include "placer/base/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "placer/base/error.h"

namespace placer {
namespace {

// First outputs of SplitMix64 for the seed 1234567, as published with the generator.
TEST(Random, SplitMixGivesThePublishedSequence) {
  constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15ULL;
  EXPECT_EQ(splitmix64(1234567), 6457827717110365317ULL);
  EXPECT_EQ(splitmix64(1234567 + kGamma), 3203168211198807973ULL);
  EXPECT_EQ(splitmix64(1234567 + 2 * kGamma), 9817491932198370423ULL);
}

// FNV's own test suite.
TEST(Random, FnvGivesThePublishedHashes) {
  EXPECT_EQ(fnv1a64(""), 0xCBF29CE484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xAF63DC4C8601EC8CULL);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171F73967E8ULL);
}

// xoshiro256++ from the state {1, 2, 3, 4}, by the reference program.
TEST(Random, XoshiroGivesTheReferenceSequence) {
  Rng rng(0);
  rng.restore({1, 2, 3, 4});
  EXPECT_EQ(rng.next(), 41943041ULL);
  EXPECT_EQ(rng.next(), 58720359ULL);
  EXPECT_EQ(rng.next(), 3588806011781223ULL);
  EXPECT_EQ(rng.next(), 3591011842654386ULL);
}

TEST(Random, KeyedStreamsDifferAndRepeat) {
  const std::array<std::uint64_t, 2> first{3, 7};
  const std::array<std::uint64_t, 2> second{7, 3};
  EXPECT_EQ(Rng::keyed(1, first).next(), Rng::keyed(1, first).next());
  EXPECT_NE(Rng::keyed(1, first).next(), Rng::keyed(1, second).next());
  EXPECT_NE(Rng::keyed(1, first).next(), Rng::keyed(2, first).next());
}

TEST(Random, StateGoesOnWhereItWasSaved) {
  Rng rng(9);
  (void)rng.next();
  const Rng::State saved = rng.state();
  const std::uint64_t expected = rng.next();
  Rng other(1);
  other.restore(saved);
  EXPECT_EQ(other.next(), expected);
}

// 60,000 draws of 6 faces: a fair one falls 10,000 times with a standard deviation of 91.
TEST(Random, BelowIsUniform) {
  Rng rng(5);
  std::array<int, 6> count{};
  for (int i = 0; i < 60'000; ++i) {
    ++count[rng.below(6)];
  }
  for (const int seen : count) {
    EXPECT_NEAR(seen, 10'000, 5 * 91);
  }
  EXPECT_THROW((void)rng.below(0), LogicError);
}

TEST(Random, WeightedFollowsTheWeights) {
  Rng rng(5);
  const std::array<double, 4> weights{1, 0, 3, 0};
  std::array<int, 4> count{};
  for (int i = 0; i < 40'000; ++i) {
    ++count[rng.weighted(weights)];
  }
  EXPECT_EQ(count[1] + count[3], 0);
  EXPECT_NEAR(count[0], 10'000, 5 * 87);
}

TEST(Random, WeightsThatGiveNoProbabilitiesAreRefused) {
  Rng rng(5);
  for (const double bad : {0.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW((void)rng.weighted(std::array{0.0, bad}), UndrawableWeights) << bad;
  }
}

TEST(Random, ShuffleKeepsTheItems) {
  Rng rng(2);
  std::vector<int> items{1, 2, 3, 4, 5};
  rng.shuffle(std::span(items));
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, (std::vector<int>{1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace placer
