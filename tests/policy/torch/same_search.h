#pragma once

#include <gtest/gtest.h>

#include "placer/algorithm/algorithm.h"

namespace placer::policy::test {

// Expects that both searches found the same by the same way.
inline void expect_same(const SearchResult& a, const SearchResult& b) {
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.outcome.step_time, b.outcome.step_time);
  EXPECT_EQ(a.evaluations, b.evaluations);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].evaluations, b.history[i].evaluations);
    EXPECT_EQ(a.history[i].best, b.history[i].best);
  }
}

}  // namespace placer::policy::test
