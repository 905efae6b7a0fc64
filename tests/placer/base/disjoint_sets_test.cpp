#include "placer/base/disjoint_sets.h"

#include <gtest/gtest.h>

namespace placer {
namespace {

TEST(DisjointSets, AreNamedByTheirLowestMemberInWhateverOrderTheyAreUnited) {
  DisjointSets sets(6);
  sets.unite(5, 3);
  sets.unite(3, 4);
  sets.unite(4, 1);
  EXPECT_EQ(sets.find(5), 1U);
  EXPECT_EQ(sets.find(2), 2U);
  const auto [number_of, count] = sets.numbered();
  EXPECT_EQ(number_of, (std::vector<std::uint32_t>{0, 1, 2, 1, 1, 1}));
  EXPECT_EQ(count, 3U);
}

TEST(DisjointSets, AnAttachedSetTakesTheNameOfItsHost) {
  DisjointSets sets(4);
  sets.attach(0, 3);
  sets.attach(1, 0);
  EXPECT_EQ(sets.find(0), 3U);
  EXPECT_EQ(sets.find(1), 3U);
  EXPECT_EQ(sets.find(2), 2U);
}

}  // namespace
}  // namespace placer
