#include "policy/grouped_features.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

constexpr FeatureOptions kNoShapes{.max_outputs = 0, .max_dims = 0};

struct Grouped {
  explicit Grouped(TestProblem of, std::size_t groups)
      : problem(std::move(of)),
        evaluator(problem.costs()),
        whole(problem.with(evaluator)),
        features(whole, kNoShapes, groups) {}

  TestProblem problem;
  LoadAndCut evaluator;
  Problem whole;
  GroupedFeatures features;
};

TestProblem diamond() {
  return TestProblem({{.micros = 10, .reads = {}, .bytes = 100, .op = "a"},
                      {.micros = 20, .reads = {0}, .bytes = 100, .op = "b"},
                      {.micros = 30, .reads = {0}, .bytes = 200, .op = "b"},
                      {.micros = 40, .reads = {1, 2}, .bytes = 400, .op = "b"}},
                     {.devices = 3});
}

// Columns: times, memory, position, then the four groups that may be read by.
TEST(GroupedFeatures, RowsAreTheGroupsWithNodesInTheOrderOfTheirFirstNodes) {
  const Grouped grouped(diamond(), 4);
  const std::vector<std::int32_t> grouping = {2, 0, 2, 0};
  const GroupedNodes read = grouped.features.read(grouping);
  EXPECT_EQ(read.groups, (std::vector<std::int32_t>{2, 0}));
  const GroupFeatures& features = read.features;
  ASSERT_EQ(features.width, 1U + 1 + 1 + 4);
  const std::vector<float> expected = {
      // Ops 0 and 2: 40 of 100 us, 300 of 800 bytes, mean index 1 of 4; read by groups 0 and 2.
      0.4F, 0.375F, 0.25F, 1, 0, 1, 0,
      // Ops 1 and 3: 60 us, 500 bytes, mean index 2; op 3 reads op 1.
      0.6F, 0.625F, 0.5F, 1, 0, 0, 0};
  ASSERT_EQ(features.numbers.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_FLOAT_EQ(features.numbers[i], expected[i]) << i;
  }
}

// Three ops of type b, one of type a; log(1 + count) over that of a group of all.
TEST(GroupedFeatures, TypesAreCounted) {
  const Grouped grouped(diamond(), 2);
  const GroupFeatures features =
      grouped.features.read(std::vector<std::int32_t>{0, 1, 0, 1}).features;
  EXPECT_EQ(features.types, (std::vector<std::string>{"b", "a"}));
  const auto share = [](double count) {
    return static_cast<float>(std::log1p(count) / std::log1p(3));
  };
  EXPECT_FLOAT_EQ(features.type_counts[0], share(1));
  EXPECT_FLOAT_EQ(features.type_counts[1], 1);
  EXPECT_FLOAT_EQ(features.type_counts[2], share(2));
  EXPECT_FLOAT_EQ(features.type_counts[3], 0);
}

TEST(GroupedFeatures, GroupMayUseWhatAllOfItsNodesMay) {
  TestProblem problem = diamond();
  problem.constraints().allowed = {0b011, 0b110, 0b101, 0b100};
  const Grouped grouped(std::move(problem), 4);
  using Groups = std::vector<std::int32_t>;
  // 0 and 1 may both use device 1. Op 3 has one device only: it does not bind op 2.
  EXPECT_EQ(grouped.features.read(Groups{0, 0, 1, 1}).features.allowed,
            (std::vector<std::uint64_t>{0b010, 0b101}));
  // No device is allowed to all three: any that one of them may use.
  EXPECT_EQ(grouped.features.read(Groups{0, 0, 0, 1}).features.allowed,
            (std::vector<std::uint64_t>{0b111, 0b100}));
}

TEST(GroupedFeatures, NodesThatMayNotFollowTheirGroupGoToTheNearestDeviceThatTheyMayUse) {
  TestProblem problem = diamond();
  problem.constraints().allowed = {0b111, 0b011, 0b110, 0b100};
  const Grouped grouped(std::move(problem), 2);
  const std::vector<std::int32_t> together = {0, 0, 0, 0};
  const auto on = [&](std::int32_t device) {
    return grouped.features.place(together, std::vector<std::int32_t>{device, -1}).device;
  };
  // All links are alike: the lowest of the others.
  EXPECT_EQ(on(0), (std::vector{DeviceId{0}, DeviceId{0}, DeviceId{1}, DeviceId{2}}));
  EXPECT_EQ(on(2), (std::vector{DeviceId{2}, DeviceId{0}, DeviceId{2}, DeviceId{2}}));
}

TEST(GroupedFeatures, TiedNodesFollowTheirFirst) {
  TestProblem problem = diamond();
  problem.constraints().unit_of = {0, 1, 0, 2};
  problem.constraints().num_units = 3;
  const Grouped grouped(std::move(problem), 2);
  EXPECT_EQ(std::vector(grouped.features.leaders().begin(), grouped.features.leaders().end()),
            (std::vector<std::uint32_t>{0, 1, 0, 3}));
  const Placement placement = grouped.features.place(std::vector<std::int32_t>{0, 1, 1, 1},
                                                     std::vector<std::int32_t>{2, 0});
  EXPECT_EQ(placement.device, (std::vector{DeviceId{2}, DeviceId{0}, DeviceId{2}, DeviceId{0}}));
}

// Ten ops, seven of them on device 1: of five groups it gets 1 + 3 * 7 / 10 = 3, device 0 gets one.
// They are numbered by the mean of their positions: 1.5, 4 (of device 0), 4, 7.3.
TEST(GroupingOf, GroupsAreOfOneDeviceAndFollowTheOrder) {
  const Grouped grouped(TestProblem(test::grid(2, 5, 50, 100), {.devices = 3}), 5);
  Placement placement = all_on(grouped.problem.graph(), DeviceId{1});
  for (const std::size_t v : {0U, 4U, 8U}) placement.device[v] = DeviceId{0};
  std::vector<double> positions(10);
  std::iota(positions.begin(), positions.end(), 0.0);
  // Device 1 has 1 2 | 3 5 | 6 7 9, device 0 has 0 4 8.
  EXPECT_EQ(grouping_of(grouped.features, placement, positions).value(),
            (std::vector<std::int32_t>{1, 0, 0, 2, 1, 2, 3, 3, 1, 3}));
}

TEST(GroupingOf, FollowersAreInTheGroupOfWhomTheyFollow) {
  TestProblem problem = diamond();
  problem.constraints().unit_of = {0, 1, 1, 2};
  problem.constraints().num_units = 3;
  const Grouped grouped(std::move(problem), 4);
  const Placement placement = all_on(grouped.problem.graph(), DeviceId{2});
  const auto grouping =
      grouping_of(grouped.features, placement, std::vector<double>{0, 1, 2, 3}).value();
  EXPECT_EQ(grouping, (std::vector<std::int32_t>{0, 1, 1, 2}));
}

TEST(GroupingOf, NothingWhereThereAreMoreDevicesThanGroups) {
  const Grouped grouped(diamond(), 2);
  Placement placement = all_on(grouped.problem.graph(), DeviceId{0});
  placement.device[1] = DeviceId{1};
  const std::vector<double> positions = {0, 1, 2, 3};
  EXPECT_TRUE(grouping_of(grouped.features, placement, positions).has_value());
  placement.device[2] = DeviceId{2};
  EXPECT_FALSE(grouping_of(grouped.features, placement, positions).has_value());
}

}  // namespace
}  // namespace placer::policy
