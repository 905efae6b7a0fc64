#include "policy/first_logits.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/learning_graphs.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A chain of ops that all take 10 us and make `bytes`, on three devices.
TestProblem chain(std::size_t ops, std::int64_t bytes, std::int64_t memory) {
  std::vector<test::TestOp> chain;
  for (std::size_t i = 0; i < ops; ++i) {
    chain.push_back({.micros = 10, .reads = {}, .bytes = bytes});
    if (i > 0) chain.back().reads = {i - 1};
  }
  return TestProblem(chain, {.devices = 3, .memory = memory});
}

class FirstLogitsTest : public testing::Test {
 protected:
  void make(TestProblem problem) {
    problem_.emplace(std::move(problem));
    evaluator_.emplace(problem_->costs());
    units_.emplace(given());
  }
  [[nodiscard]] Problem given() { return problem_->with(*evaluator_); }
  [[nodiscard]] std::vector<std::vector<double>> logits(const FirstLogits& first) {
    return first_logits(given(), *units_, rows_of_units(given(), *units_), first);
  }
  [[nodiscard]] std::vector<std::size_t> packed_devices() {
    std::vector<std::size_t> devices;
    for (const DeviceId device : packed(given(), *units_)) devices.push_back(index(device));
    return devices;
  }

  std::optional<TestProblem> problem_;
  std::optional<LoadAndCut> evaluator_;
  std::optional<UnitTable> units_;
};

// Of ops that all take as long and devices that are alike: the first third is likeliest on the
// first device. With strength 2 an op in the middle of the first run of three is, for the third
// device, 1/2 run away from the second's end: distance 1/2 of all work, times 3 devices times 2.
TEST_F(FirstLogitsTest, RunsPutThirdsOfTheWorkOnThreeDevices) {
  make(TestProblem(test::grid(3, 3, 50, 100), {.devices = 3}));
  const std::vector<double> runs = logits({.runs = 2}).front();
  for (std::size_t u = 0; u < 9; ++u) EXPECT_EQ(runs[u * 3 + u / 3], 0) << u;
  EXPECT_NEAR(runs[1 * 3 + 1], -2.0 * (1.0 / 3 - 1.5 / 9) * 3, 1e-9);
  EXPECT_NEAR(runs[1 * 3 + 2], -2.0 * (2.0 / 3 - 1.5 / 9) * 3, 1e-9);
}

TEST_F(FirstLogitsTest, RowsOfGroupsStandForTheUnitsInTheirMiddle) {
  make(chain(8, 0, 1000));
  const Rows rows = rows_of_groups(given(), *units_, 2);
  EXPECT_THAT(rows.positions, ElementsAre(0.25, 0.75));
  EXPECT_THAT(rows.units, ElementsAre(2, 6));  // whose work is in eighths 2.5 and 6.5
}

// Two ops of 100 bytes are as many as nine tenths of 250 bytes hold.
TEST_F(FirstLogitsTest, PackedFillsOneDeviceAfterTheOther) {
  make(chain(5, 100, 250));
  EXPECT_THAT(packed_devices(), ElementsAre(0, 0, 1, 1, 2));
}

TEST_F(FirstLogitsTest, PackedLeavesWhatFitsNowhereOnTheLastDeviceAndKeepsConstraints) {
  make(chain(8, 100, 250));
  EXPECT_THAT(packed_devices(), ElementsAre(0, 0, 1, 1, 2, 2, 2, 2));
  problem_->constraints().allowed[0] = 0b110;
  units_.emplace(given());
  EXPECT_THAT(packed_devices(), ElementsAre(1, 0, 0, 1, 1, 2, 2, 2));
}

TEST_F(FirstLogitsTest, PackedIsNothingWhereOneDeviceHoldsAll) {
  make(chain(5, 100, 1000));
  EXPECT_THAT(packed_devices(), IsEmpty());
  EXPECT_THAT(logits({.runs = 2, .packing = 1}), SizeIs(2));
}

TEST_F(FirstLogitsTest, SoManyDecisionsOfASampleAreElsewhereThanPacked) {
  make(chain(5, 100, 250));
  const auto ways = logits({.runs = 2, .packing = 0.5});
  ASSERT_THAT(ways, SizeIs(3));
  EXPECT_THAT(ways[1], IsEmpty());
  const std::vector<std::size_t> own = packed_devices();
  double elsewhere = 0;
  for (std::size_t u = 0; u < own.size(); ++u) {
    double total = 0;
    for (std::size_t d = 0; d < 3; ++d) total += std::exp(ways[2][u * 3 + d]);
    elsewhere += 1 - std::exp(ways[2][u * 3 + own[u]]) / total;
  }
  EXPECT_NEAR(elsewhere, 0.5, 1e-9);
}

TEST_F(FirstLogitsTest, NothingIsAskedForLeavesOneWayWithoutAny) {
  make(chain(5, 100, 250));
  EXPECT_THAT(logits({}), ElementsAre(IsEmpty()));
}

}  // namespace
}  // namespace placer::policy
