#include "simulator/ready_set.h"

#include <set>

#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer::sim {
namespace {

// Sizes on both sides of each level: 64, 64^2 and 64^3.
TEST(ReadySet, TakesTheLowestRankWhateverTheSize) {
  for (const std::uint32_t size : {1U, 2U, 63U, 64U, 65U, 4096U, 4097U, 262144U, 262145U}) {
    SCOPED_TRACE(size);
    Rng rng(size);
    ReadySet ready(size);
    std::set<std::uint32_t> expected;
    EXPECT_TRUE(ready.empty());
    for (int i = 0; i < 2000; ++i) {
      const auto rank = static_cast<std::uint32_t>(rng.below(size));
      if (rng.below(2) == 0 && expected.insert(rank).second) {
        ready.insert(rank);
      } else if (!expected.empty()) {
        ASSERT_EQ(ready.take_first(), *expected.begin());
        expected.erase(expected.begin());
      }
      ASSERT_EQ(ready.empty(), expected.empty());
    }
  }
}

TEST(ReadySet, HoldsItsLastRank) {
  ReadySet ready(4097);
  ready.insert(4096);
  ready.insert(0);
  EXPECT_EQ(ready.take_first(), 0U);
  EXPECT_EQ(ready.take_first(), 4096U);
  EXPECT_TRUE(ready.empty());
}

}  // namespace
}  // namespace placer::sim
