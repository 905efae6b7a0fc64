#include "policy/choice_tree.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "placer/base/random.h"

namespace placer::policy {
namespace {

double naive_normaliser(const std::map<std::size_t, double>& scores) {
  double largest = -1e300;
  for (const auto& [member, score] : scores) largest = std::max(largest, score);
  double sum = 0;
  for (const auto& [member, score] : scores) sum += std::exp(score - largest);
  return largest + std::log(sum);
}

double naive_entropy(const std::map<std::size_t, double>& scores) {
  const double normaliser = naive_normaliser(scores);
  double entropy = 0;
  for (const auto& [member, score] : scores) {
    entropy -= std::exp(score - normaliser) * (score - normaliser);
  }
  return entropy;
}

TEST(ChoiceTree, ScoresThatAreNotFiniteAreNotDrawnFrom) {
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    for (const std::size_t member : {0, 2}) {
      ChoiceTree tree(3);
      tree.insert(1, 0.5);
      tree.insert(member, bad);
      EXPECT_THROW((void)tree.at(0.5), UndrawableWeights) << bad << " of " << member;
    }
  }
}

TEST(ChoiceTree, IsTheSoftmaxOfItsMembersWhateverCameAndWent) {
  Rng rng(5);
  ChoiceTree tree(13);
  std::map<std::size_t, double> members;
  for (int change = 0; change < 500; ++change) {
    const std::size_t member = rng.below(13);
    if (members.erase(member) > 0) {
      tree.remove(member);
    } else {
      members[member] = 40 * rng.uniform() - 20;
      tree.insert(member, members[member]);
    }
    ASSERT_EQ(tree.empty(), members.empty());
    if (members.empty()) continue;
    ASSERT_NEAR(tree.log_normaliser(), naive_normaliser(members), 1e-12);
    ASSERT_NEAR(tree.entropy(), naive_entropy(members), 1e-12);
  }
}

// A score of 3,000 comes and goes: what is left must be as if it had never been there.
TEST(ChoiceTree, LosesNoDigitsToAScoreThatHasGone) {
  ChoiceTree tree(3);
  tree.insert(0, -1);
  tree.insert(1, 3000);
  tree.insert(2, -2);
  EXPECT_EQ(tree.log_normaliser(), 3000);
  EXPECT_EQ(tree.at(0.999), 1U);
  tree.remove(1);
  EXPECT_NEAR(tree.log_normaliser(), std::log(std::exp(-1) + std::exp(-2)), 1e-15);
}

// Shares of e / (1 + e + e^2), 1 / (..), e^2 / (..) in the members' order.
TEST(ChoiceTree, DrawsByShare) {
  ChoiceTree tree(6);
  tree.insert(1, 1);
  tree.insert(3, 0);
  tree.insert(4, 2);
  const double all = 1 + std::exp(1) + std::exp(2);
  EXPECT_EQ(tree.at(0), 1U);
  EXPECT_EQ(tree.at(std::exp(1) / all - 1e-9), 1U);
  EXPECT_EQ(tree.at(std::exp(1) / all + 1e-9), 3U);
  EXPECT_EQ(tree.at((1 + std::exp(1)) / all - 1e-9), 3U);
  EXPECT_EQ(tree.at((1 + std::exp(1)) / all + 1e-9), 4U);
  EXPECT_EQ(tree.at(1 - 1e-16), 4U);
}

TEST(ChoiceTree, OfOneMember) {
  ChoiceTree tree(1);
  EXPECT_TRUE(tree.empty());
  tree.insert(0, 7);
  EXPECT_EQ(tree.log_normaliser(), 7);
  EXPECT_EQ(tree.entropy(), 0);
  EXPECT_EQ(tree.at(0.5), 0U);
  tree.clear();
  EXPECT_TRUE(tree.empty());
}

TEST(RangeSums, AreTheSumsOverEveryRange) {
  Rng rng(9);
  std::vector<double> weights;
  std::vector<double> normalisers;
  for (int t = 0; t < 11; ++t) {
    weights.push_back(2 * rng.uniform() - 1);
    normalisers.push_back(30 * rng.uniform());
  }
  const RangeSums sums(weights, normalisers);
  for (std::size_t first = 0; first < 11; ++first) {
    for (std::size_t last = first; last < 11; ++last) {
      double expected = 0;
      for (std::size_t t = first; t <= last; ++t) {
        expected += weights[t] * std::exp(-3.0 - normalisers[t]);
      }
      EXPECT_NEAR(sums.sum(first, last, -3.0), expected, 1e-15);
    }
  }
}

// Normalisers that fall from 2,000 to 0: exp(-2000) is 0 in double.
TEST(RangeSums, KeepWhatIsFarBelowOtherSteps) {
  const RangeSums sums({1, 2, 4}, {2000, 1000, 0});
  EXPECT_DOUBLE_EQ(sums.sum(0, 0, 1999), std::exp(-1));
  EXPECT_DOUBLE_EQ(sums.sum(0, 1, 999), 2 * std::exp(-1));
  EXPECT_DOUBLE_EQ(sums.sum(2, 2, 0), 4);
}

}  // namespace
}  // namespace placer::policy
