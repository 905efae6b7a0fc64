#include "simulator/thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace placer::sim {
namespace {

TEST(ThreadPool, GivesEveryItemToOneThread) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), static_cast<std::size_t>(threads));
    for (const std::size_t items : {0U, 1U, 2U, 3U, 100U}) {
      std::vector<std::atomic<int>> done(items);
      pool.run(items, [&](std::size_t first, std::size_t last, std::size_t thread) {
        EXPECT_LT(thread, pool.size());
        for (std::size_t i = first; i < last; ++i) ++done[i];
      });
      for (const auto& count : done) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ThreadPool, PassesOnTheFirstFailureAndGoesOn) {
  ThreadPool pool(3);
  const auto fail = [](std::size_t, std::size_t, std::size_t thread) {
    if (thread > 0) throw std::runtime_error(std::to_string(thread));
  };
  for (int repeat = 0; repeat < 2; ++repeat) {
    try {
      pool.run(30, fail);
      ADD_FAILURE() << "no failure";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "1");
    }
  }
  std::atomic<std::size_t> items = 0;
  pool.run(30, [&](std::size_t first, std::size_t last, std::size_t) { items += last - first; });
  EXPECT_EQ(items, 30U);
}

}  // namespace
}  // namespace placer::sim
