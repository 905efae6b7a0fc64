#include "placer/base/text.h"

#include <vector>

#include <gtest/gtest.h>

namespace placer {
namespace {

TEST(Glob, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("layer?.*", "layer1.conv.weight"));
  EXPECT_TRUE(matches_glob("*.weight", "a.b.weight"));
  EXPECT_TRUE(matches_glob("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(matches_glob("layer?", "layer10"));
  EXPECT_FALSE(matches_glob("a*b", "abc"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_TRUE(matches_glob("a[b]", "a[b]"));
}

// A pattern that makes naive backtracking exponential ends at once.
TEST(Glob, ManyStarsStayFast) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) {
    pattern += "a*";
  }
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(5'000, 'a')));
}

TEST(DidYouMean, OffersTheNearestOnly) {
  const std::vector<std::string> names{"heft", "hill-climb", "random"};
  EXPECT_EQ(did_you_mean("hef", names), " (did you mean \"heft\"?)");
  EXPECT_EQ(did_you_mean("hill-clim", names), " (did you mean \"hill-climb\"?)");
  EXPECT_EQ(did_you_mean("annealing", names), "");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

}  // namespace
}  // namespace placer
