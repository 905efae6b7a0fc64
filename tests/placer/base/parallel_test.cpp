#include "placer/base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace placer {
namespace {

TEST(RunInParallel, DoesEveryPieceOnceOnThreadsBelowTheLimit) {
  for (const std::size_t count : {0U, 1U, 2U, 100U}) {
    std::vector<int> done(count, 0);
    std::atomic<std::size_t> highest = 0;
    run_in_parallel(count, 3, [&](std::size_t i, std::size_t thread) {
      ++done[i];
      if (thread >= 3) highest = thread;
    });
    EXPECT_EQ(done, std::vector<int>(count, 1));
    EXPECT_EQ(highest, 0U);
  }
}

TEST(RunInParallel, ThrowsWhatTheLowestPieceThrewAfterAllHaveEnded) {
  std::atomic<int> ended = 0;
  try {
    run_in_parallel(20, 4, [&](std::size_t i, std::size_t) {
      ++ended;
      if (i % 5 == 2) throw std::runtime_error(std::to_string(i));
    });
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "2");
  }
  EXPECT_EQ(ended, 20);
}

}  // namespace
}  // namespace placer
