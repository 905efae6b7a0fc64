#include "policy/features.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestOp;
using test::TestProblem;

GroupFeatures features_of(const TestProblem& problem, const FeatureOptions& options = {}) {
  LoadAndCut evaluator(problem.costs());
  return make_features(problem.with(evaluator), options);
}

float at(const GroupFeatures& features, std::size_t group, std::size_t column) {
  return features.numbers[group * features.width + column];
}

// Columns: 24 shapes, bytes out and in, 2 memory, 2 times of the only kind, 3 position, 3 reads, 3
// readers.
TEST(Features, ColumnsOfAChain) {
  const GroupFeatures features = features_of(test::three_ops());
  ASSERT_EQ(features.width, 24U + 2 + 2 + 2 + 3 + 3 + 3);
  EXPECT_FLOAT_EQ(at(features, 0, 24), 1);  // sends 4 bytes, the most that any sends
  EXPECT_FLOAT_EQ(at(features, 2, 24), 0);  // nobody reads the last
  EXPECT_FLOAT_EQ(at(features, 0, 25), 0);
  EXPECT_FLOAT_EQ(at(features, 1, 25), 1);
  EXPECT_FLOAT_EQ(at(features, 1, 27), 1.0F / 3);  // a third of all bytes
  EXPECT_FLOAT_EQ(at(features, 0, 28), static_cast<float>(std::log1p(20.0) / std::log1p(50.0)));
  EXPECT_FLOAT_EQ(at(features, 0, 29), 0.4F);      // 20 of 50 us
  EXPECT_FLOAT_EQ(at(features, 2, 30), 2.0F / 3);  // index 2 of 3
  EXPECT_FLOAT_EQ(at(features, 2, 31), 0.5F);      // 50 of 100 us come before it
  EXPECT_FLOAT_EQ(at(features, 1, 32), 0.8F);      // 80 of 100 us from its start on
  EXPECT_FLOAT_EQ(at(features, 1, 33 + 0), 1);     // reads op 0
  EXPECT_FLOAT_EQ(at(features, 1, 33 + 2), 0);
  EXPECT_FLOAT_EQ(at(features, 1, 36 + 2), 1);  // is read by op 2
}

TEST(Features, AllNumbersAreBetweenZeroAndOne) {
  const TestProblem problem(test::grid(5, 7, 123, 4567), {.devices = 3});
  const GroupFeatures features = features_of(problem);
  for (const float value : features.numbers) {
    EXPECT_GE(value, 0);
    EXPECT_LE(value, 1);
  }
  for (const float value : features.type_counts) {
    EXPECT_GE(value, 0);
    EXPECT_LE(value, 1);
  }
}

TEST(Features, RareTypesShareTheLastEntry) {
  const TestProblem problem({{.micros = 1, .reads = {}, .bytes = 4, .op = "a"},
                             {.micros = 1, .reads = {0}, .bytes = 4, .op = "b"},
                             {.micros = 1, .reads = {1}, .bytes = 4, .op = "c"},
                             {.micros = 1, .reads = {2}, .bytes = 4, .op = "c"}},
                            {.devices = 2});
  const GroupFeatures features = features_of(problem, {.max_types = 2});
  EXPECT_EQ(features.types, (std::vector<std::string>{"c", "other"}));
  EXPECT_EQ(features.type_counts, (std::vector<float>{0, 1, 0, 1, 1, 0, 1, 0}));
}

TEST(Features, MembersOfAGroupAreCounted) {
  TestProblem fine({{.micros = 1, .reads = {}, .bytes = 4, .op = "conv"},
                    {.micros = 1, .reads = {0}, .bytes = 4, .op = "relu"},
                    {.micros = 1, .reads = {1}, .bytes = 4, .op = "conv"}},
                   {.devices = 2});
  const TestProblem coarse({{.micros = 2, .reads = {}, .bytes = 4, .op = "group"},
                            {.micros = 1, .reads = {0}, .bytes = 4, .op = "group"}},
                           {.devices = 2});
  const Grouping grouping{.group_of = {GroupId{0}, GroupId{0}, GroupId{1}}, .num_groups = 2};
  LoadAndCut evaluator(coarse.costs());
  Problem problem = coarse.with(evaluator);
  problem.fine_graph = &fine.graph();
  problem.grouping = &grouping;
  const GroupFeatures features = make_features(problem, {});
  EXPECT_EQ(features.types, (std::vector<std::string>{"conv", "relu"}));
  EXPECT_EQ(features.type_counts, (std::vector<float>{1, 1, 1, 0}));
}

// 6 groups, 4 columns: group 5 is in column 1.
TEST(Features, LongGraphsShareColumnsOfAdjacency) {
  std::vector<TestOp> chain;
  for (std::size_t i = 0; i < 6; ++i) {
    chain.push_back({.micros = 1, .reads = {}, .bytes = 4});
    if (i > 0) chain.back().reads = {i - 1};
  }
  const TestProblem problem(chain, {.devices = 2});
  const GroupFeatures features = features_of(problem, {.max_slots = 4});
  const std::size_t readers = features.width - 4;
  EXPECT_FLOAT_EQ(at(features, 4, readers + 1), 1);
  EXPECT_FLOAT_EQ(at(features, 4, readers + 0), 0);
}

}  // namespace
}  // namespace placer::policy
