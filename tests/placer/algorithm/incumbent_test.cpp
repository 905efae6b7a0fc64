#include "placer/algorithm/incumbent.h"

#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

class IncumbentTest : public ::testing::Test {
 protected:
  IncumbentTest()
      : workload_(test::training_chain(3)),
        cluster_(test::cpu_cores(2)),
        costs_(workload_, cluster_),
        constraints_(resolve_constraints(costs_, {.pin = {"layer0/forward=cpu:0"}})),
        evaluator_(costs_, constraints_) {}

  [[nodiscard]] Problem problem() {
    return {.costs = costs_, .constraints = constraints_, .evaluator = evaluator_};
  }
  [[nodiscard]] std::size_t node(const std::string& name) const {
    return index(workload_.graph.find(name).value());
  }
  [[nodiscard]] Placement split() const {
    Placement placement = all_on(workload_.graph, id_at<DeviceId>(0));
    for (const char* name : {"layer2.weight", "layer2/dw", "layer2/update", "layer2/gradient"}) {
      placement.device[node(name)] = id_at<DeviceId>(1);
    }
    return placement;
  }

  Workload workload_;
  Cluster cluster_;
  CostModel costs_;
  Constraints constraints_;
  test::LoadEvaluator evaluator_;
  SearchOptions options_;
};

TEST_F(IncumbentTest, EvaluatesThePrefixThatTheBudgetAllows) {
  options_.budget.evaluations = 3;
  const Problem given = problem();
  Incumbent incumbent(given, options_, "test");
  const std::vector<Placement> two(2, split());
  EXPECT_EQ(incumbent.evaluate(two), 2U);
  EXPECT_EQ(incumbent.outcomes().size(), 2U);
  EXPECT_FALSE(incumbent.exhausted());
  EXPECT_EQ(incumbent.evaluate(two), 1U);
  EXPECT_TRUE(incumbent.exhausted());
  EXPECT_EQ(incumbent.evaluate(two), 0U);
  const SearchResult result = incumbent.finish();
  EXPECT_EQ(result.evaluations, 3U);
  EXPECT_EQ(result.history.size(), 1U);
  EXPECT_FALSE(result.stopped);
}

TEST_F(IncumbentTest, TellsEveryBestWhenItIsFound) {
  std::vector<std::pair<Placement, std::uint64_t>> told;
  options_.on_best = [&](const Placement& placement, const Outcome& outcome,
                         std::uint64_t evaluations) {
    EXPECT_TRUE(outcome.feasible());
    told.emplace_back(placement, evaluations);
  };
  const Problem given = problem();
  Incumbent incumbent(given, options_, "test");
  const Placement worse = all_on(workload_.graph, id_at<DeviceId>(0));
  const std::vector<Placement> placements = {worse, worse, split(), worse};
  incumbent.evaluate(placements);
  const std::vector<std::pair<Placement, std::uint64_t>> expected = {{worse, 1}, {split(), 3}};
  EXPECT_EQ(told, expected);
}

TEST_F(IncumbentTest, TiedNodesFollowTheFirstOfTheirUnit) {
  const Problem given = problem();
  Incumbent incumbent(given, options_, "test");
  Placement broken = split();
  broken.device[node("layer2/update")] = id_at<DeviceId>(0);  // its state is on the other device
  EXPECT_EQ(incumbent.evaluate({&broken, 1}), 1U);
  EXPECT_EQ(incumbent.best(), split());
}

TEST_F(IncumbentTest, ADeviceThatIsNotAllowedIsABug) {
  const Problem given = problem();
  Incumbent incumbent(given, options_, "test");
  Placement broken = split();
  broken.device[node("layer0/forward")] = id_at<DeviceId>(1);
  EXPECT_THROW(incumbent.evaluate({&broken, 1}), LogicError);
}

TEST_F(IncumbentTest, GoesOnFromAnEarlierRun) {
  options_.budget.evaluations = 5;
  const Problem given = problem();
  Incumbent first(given, options_, "test");
  const std::vector<Placement> placements{all_on(workload_.graph, id_at<DeviceId>(0)), split()};
  first.evaluate(placements);
  Incumbent second(given, options_, "test");
  second.restore(first.so_far());
  EXPECT_EQ(second.best(), first.best());
  EXPECT_EQ(second.evaluate({placements.data(), 1}), 1U);
  const SearchResult result = second.finish();
  EXPECT_EQ(result.evaluations, 3U);
  EXPECT_EQ(result.best, split());
  EXPECT_EQ(result.history.size(), 2U);
}

TEST_F(IncumbentTest, ReportsProgress) {
  std::vector<ProgressReport> reports;
  options_.budget.evaluations = 4;
  options_.progress = [&](const ProgressReport& report) { reports.push_back(report); };
  const Problem given = problem();
  Incumbent incumbent(given, options_, "stage");
  const std::vector<Placement> two(2, split());
  incumbent.evaluate(two);
  (void)incumbent.finish();
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.back().stage, "stage");
  EXPECT_DOUBLE_EQ(reports.back().done, 2);
  EXPECT_DOUBLE_EQ(reports.back().total, 4);
  EXPECT_TRUE(reports.back().best_ms.has_value());
}

TEST(Conforming, UsesTheFirstAllowedDeviceOfAUnit) {
  const Constraints constraints{
      .allowed = {0b110, 0b110, 0b101}, .memory_limit = {}, .unit_of = {0, 0, 1}, .num_units = 2};
  const Placement given{{DeviceId{0}, DeviceId{2}, DeviceId{1}}, {}};
  const Placement expected{{DeviceId{2}, DeviceId{2}, DeviceId{0}}, {}};
  EXPECT_EQ(conforming(constraints, given), expected);
}

}  // namespace
}  // namespace placer
