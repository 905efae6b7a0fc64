#include "placer/group/merging_dag.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer {
namespace {

using ::testing::ElementsAre;
using Edges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

TEST(MergingDag, RefusesAMergeAcrossAThirdNode) {
  // 0 -> 1 -> 2 and 0 -> 2: merging 0 and 2 would put 1 before and after them.
  MergingDag dag(3, {{0, 1}, {0, 2}, {1, 2}});
  EXPECT_EQ(dag.merge(0, 2), MergingDag::kNone);
  EXPECT_EQ(dag.num_left(), 3U);
  const std::uint32_t first = dag.merge(1, 0);
  EXPECT_EQ(first, dag.find(0));
  EXPECT_EQ(first, dag.find(1));
  EXPECT_THAT(dag.successors(first), ElementsAre(2U));
  EXPECT_NE(dag.merge(first, 2), MergingDag::kNone);
  EXPECT_EQ(dag.num_left(), 1U);
}

TEST(MergingDag, ReordersWhatLiesBetween) {
  // 0 -> 1, 2 -> 3 with 0 and 3 merged: 2 must come before both, 1 after.
  MergingDag dag(4, {{0, 1}, {2, 3}});
  const std::uint32_t merged = dag.merge(0, 3);
  EXPECT_THAT(dag.order(), ElementsAre(2U, merged, 1U));
  EXPECT_EQ(dag.before(merged), 2U);
  EXPECT_EQ(dag.after(merged), 1U);
  EXPECT_EQ(dag.after(1), MergingDag::kNone);
  EXPECT_EQ(dag.before(2), MergingDag::kNone);
}

// Is there a path of two or more edges from a to b, on the merged graph that `edges` and find()
// describe?
bool has_indirect_path(const MergingDag& dag, const Edges& edges, std::uint32_t a,
                       std::uint32_t b) {
  std::set<std::uint32_t> seen;
  std::vector<std::uint32_t> stack{a};
  while (!stack.empty()) {
    const std::uint32_t x = stack.back();
    stack.pop_back();
    for (const auto& [from, to] : edges) {
      const std::uint32_t next = dag.find(to);
      if (dag.find(from) != x || next == x || (x == a && next == b)) {
        continue;
      }
      if (next == b) {
        return true;
      }
      if (seen.insert(next).second) {
        stack.push_back(next);
      }
    }
  }
  return false;
}

TEST(MergingDag, AgreesWithPlainSearchOnRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    constexpr std::uint32_t kSize = 30;
    Edges edges;
    for (std::uint32_t to = 1; to < kSize; ++to) {
      for (std::uint64_t k = rng.below(3); k > 0; --k) {
        edges.emplace_back(static_cast<std::uint32_t>(rng.below(to)), to);
      }
    }
    MergingDag dag(kSize, edges);
    for (int attempt = 0; attempt < 60 && dag.num_left() > 2; ++attempt) {
      const auto order = dag.order();
      const std::uint32_t a = order[rng.below(order.size())];
      const std::uint32_t b = order[rng.below(order.size())];
      if (a == b) {
        continue;
      }
      const bool makes_cycle =
          has_indirect_path(dag, edges, a, b) || has_indirect_path(dag, edges, b, a);
      EXPECT_EQ(dag.merge(a, b) == MergingDag::kNone, makes_cycle);
      // The order that is kept is one.
      const auto left = dag.order();
      ASSERT_EQ(left.size(), dag.num_left());
      for (const auto& [from, to] : edges) {
        const auto position = [&](std::uint32_t x) {
          return std::find(left.begin(), left.end(), dag.find(x)) - left.begin();
        };
        EXPECT_LE(position(from), position(to));
      }
    }
  }
}

}  // namespace
}  // namespace placer
