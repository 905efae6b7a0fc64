#include "policy/improvement_features.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestOp;
using test::TestProblem;

constexpr std::size_t kUnit = ImprovementFeatures::kUnitWidth;
constexpr std::size_t kPair = ImprovementFeatures::kPairWidth;

// a (10 us) -> b (20 us), a -> c (30 us); 1000 bytes of a cross a link in 1 us.
std::vector<TestOp> fork_ops(std::int64_t scale = 1) {
  return {{.micros = 10 * scale, .reads = {}, .bytes = 1000, .op = "a"},
          {.micros = 20 * scale, .reads = {0}, .bytes = 0, .op = "b"},
          {.micros = 30 * scale, .reads = {0}, .bytes = 0, .op = "c"}};
}

struct Read {
  Read(const TestProblem& problem, std::vector<std::uint8_t> devices)
      : evaluator(problem.costs()), features(problem.with(evaluator)), choice(std::move(devices)) {
    features.read(choice);
  }
  [[nodiscard]] float unit(std::size_t v, std::size_t column) const {
    return features.units()[v * kUnit + column];
  }
  [[nodiscard]] float pair(std::size_t v, std::size_t d, std::size_t column) const {
    return features.pairs()[(v * features.num_devices() + d) * kPair + column];
  }

  LoadAndCut evaluator;
  ImprovementFeatures features;
  std::vector<std::uint8_t> choice;
};

TEST(ImprovementFeatures, OfAForkAreThoseWorkedOutByHand) {
  const TestProblem problem(fork_ops(), {.devices = 2});
  // Both readers with a: 10, then c (the longer) to 40, then b to 60.
  const Read read(problem, {0, 0, 0});
  EXPECT_NEAR(read.unit(0, 0), std::log1p(10.0 / 20), 1e-6);
  EXPECT_NEAR(read.unit(0, 4), std::log1p(2.0), 1e-6);  // two readers
  EXPECT_NEAR(read.unit(2, 5), 10.0 / 60, 1e-6);
  EXPECT_NEAR(read.unit(2, 6), 40.0 / 60, 1e-6);
  EXPECT_NEAR(read.unit(2, 7), 20.0 / 60, 1e-6);  // c might end 20 us later
  EXPECT_NEAR(read.unit(1, 5), 40.0 / 60, 1e-6);
  EXPECT_NEAR(read.unit(1, 7), 0, 1e-6);
  EXPECT_NEAR(read.unit(1, 8), 1, 1e-5);
  EXPECT_NEAR(read.unit(1, 9), 30.0 / 60, 1e-6);  // b was ready at 10 and waits for its device
  EXPECT_NEAR(read.unit(1, 13), 1, 1e-6);
  EXPECT_EQ(read.pair(1, 0, 0), 1);
  EXPECT_EQ(read.pair(1, 1, 0), 0);
  EXPECT_EQ(read.pair(1, 0, 2), 1);  // all that b reads is on device 0
  EXPECT_EQ(read.pair(1, 1, 2), 0);
  EXPECT_NEAR(read.pair(1, 1, 5), 20.0 / 60, 1e-6);  // b alone on device 1
  // There b would start at 11, 29 us earlier, and end at 31 in place of 60.
  EXPECT_NEAR(read.pair(1, 1, 7), -1, 1e-6);
  EXPECT_NEAR(read.pair(1, 1, 8), -1, 1e-6);
  EXPECT_NEAR(read.pair(1, 1, 4), -std::log1p(1.0 / 20), 1e-6);
}

// Ten times slower devices and links: the same numbers.
TEST(ImprovementFeatures, DoNotDependOnTheUnitOfTime) {
  const TestProblem fast(fork_ops(), {.devices = 2});
  const TestProblem slow(fork_ops(10), {.devices = 2, .bytes_per_second = 1e8});
  const Read a(fast, {0, 1, 0});
  const Read b(slow, {0, 1, 0});
  for (std::size_t i = 0; i < a.features.units().size(); ++i) {
    EXPECT_NEAR(a.features.units()[i], b.features.units()[i], 1e-5) << i;
  }
  for (std::size_t i = 0; i < a.features.pairs().size(); ++i) {
    EXPECT_NEAR(a.features.pairs()[i], b.features.pairs()[i], 1e-5) << i;
  }
}

TEST(ImprovementFeatures, DoNotDependOnWhatDevicesAreCalled) {
  const TestProblem problem(test::grid(3, 4, 50, 10'000), {.devices = 3});
  std::vector<std::uint8_t> choice;
  std::vector<std::uint8_t> renamed;
  for (std::uint8_t v = 0; v < 12; ++v) {
    choice.push_back(static_cast<std::uint8_t>(v % 3));
    renamed.push_back(static_cast<std::uint8_t>((v + 1) % 3));
  }
  const Read a(problem, choice);
  const Read b(problem, renamed);
  for (std::size_t i = 0; i < a.features.units().size(); ++i) {
    EXPECT_EQ(a.features.units()[i], b.features.units()[i]) << i;
  }
  for (std::size_t v = 0; v < 12; ++v) {
    for (std::size_t d = 0; d < 3; ++d) {
      for (std::size_t c = 0; c < kPair; ++c) {
        EXPECT_EQ(a.pair(v, d, c), b.pair(v, (d + 1) % 3, c)) << v << " " << d << " " << c;
      }
    }
  }
}

TEST(ImprovementFeatures, ForbiddenDevicesAreMarked) {
  TestProblem problem(fork_ops(), {.devices = 2});
  problem.constraints().allowed[2] = 0b01;
  const Read read(problem, {0, 1, 0});
  EXPECT_FALSE(read.features.may_use(2, 1));
  EXPECT_EQ(read.pair(2, 1, 9), 1);
  EXPECT_EQ(read.pair(2, 0, 9), 0);
  EXPECT_EQ(read.pair(0, 1, 9), 0);
}

TEST(ImprovementFeatures, NodesOfOneUnitAreOne) {
  TestProblem problem(fork_ops(), {.devices = 2});
  problem.constraints().unit_of = {0, 1, 0};
  problem.constraints().num_units = 2;
  LoadAndCut evaluator(problem.costs());
  const ImprovementFeatures features(problem.with(evaluator));
  EXPECT_EQ(features.num_units(), 2U);
  const Placement placement = features.placement(std::vector<std::uint8_t>{1, 0});
  EXPECT_EQ(placement.device, (std::vector<DeviceId>{DeviceId{1}, DeviceId{0}, DeviceId{1}}));
  EXPECT_EQ(features.choice(placement), (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(features.readers().neighbour, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(features.reads().neighbour, (std::vector<std::int64_t>{0}));
}

}  // namespace
}  // namespace placer::policy
