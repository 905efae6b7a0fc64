// Local search through incremental objectives. What every algorithm promises besides:
// tests/placer/algorithm/conformance_test.cpp.

#include "placer/algorithm/local_search.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "placer/algorithm/unit_table.h"
#include "simulator/objective.h"
#include "tests/support/random_graph.h"

namespace placer::sim {
namespace {

struct Bench {
  explicit Bench(std::uint64_t seed, std::size_t nodes)
      : workload(test::random_workload(seed, {.nodes = nodes, .kinds = {"cpu-core", "gpu"}})),
        cluster(test::random_cluster(seed, {.devices = 3, .hand_offs = false})),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, {})),
        evaluator(make_objective("max-load", costs, constraints, {})) {}

  [[nodiscard]] SearchResult run(const std::string& name, std::uint64_t evaluations,
                                 std::vector<Placement> initial = {}) const {
    AlgorithmRegistry registry;
    register_baselines(registry);
    SearchOptions options;
    options.budget.evaluations = evaluations;
    options.initial = std::move(initial);
    return registry.find(name).make()->run(problem(), options);
  }
  [[nodiscard]] Problem problem() const {
    return {.costs = costs, .constraints = constraints, .evaluator = *evaluator};
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  std::unique_ptr<Evaluator> evaluator;
};

// The least cost of all feasible choices of devices.
std::int64_t optimum(const Bench& bench) {
  const UnitTable units(bench.problem());
  std::vector<std::size_t> digit(units.size());
  std::vector<DeviceId> choice(units.size());
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for (std::size_t at = 0; at < units.size();) {
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      choice[unit] = units.devices(unit)[digit[unit]];
    }
    const Outcome outcome = bench.evaluator->evaluate_one(units.placement(choice));
    best = outcome.feasible() ? std::min(best, outcome.cost()) : best;
    for (at = 0; at < units.size() && ++digit[at] == units.devices(at).size(); ++at) {
      digit[at] = 0;
    }
  }
  return best;
}

class LocalSearch : public ::testing::TestWithParam<const char*> {};

TEST_P(LocalSearch, FindsTheOptimumOfSmallProblems) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Bench bench(seed, 8);
    const UnitTable units(bench.problem());
    ASSERT_LE(units.size(), 9U);
    const SearchResult result = bench.run(GetParam(), 20'000);
    ASSERT_TRUE(result.best.has_value());
    EXPECT_EQ(result.outcome.cost(), optimum(bench)) << "seed " << seed;
  }
}

TEST_P(LocalSearch, SeveralChainsGiveTheSameResultEveryTime) {
  const Bench bench(3, 60);
  const SearchResult a = bench.run(GetParam(), 1'200'000);  // two chains and more
  const SearchResult b = bench.run(GetParam(), 1'200'000);
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.evaluations, b.evaluations);
  EXPECT_LE(a.evaluations, 1'200'000U);
}

TEST_P(LocalSearch, GoesOnFromInitialPlacements) {
  const Bench bench(4, 60);
  const SearchResult good = bench.run(GetParam(), 50'000);
  ASSERT_TRUE(good.best.has_value());
  const SearchResult more = bench.run(GetParam(), 100, {*good.best});
  EXPECT_LE(more.outcome.cost(), good.outcome.cost());
}

INSTANTIATE_TEST_SUITE_P(All, LocalSearch, ::testing::Values("annealing", "tabu", "hill-climb"));

TEST(Genetic, FindsTheOptimumOfSmallProblems) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Bench bench(seed, 8);
    EXPECT_EQ(bench.run("genetic", 20'000).outcome.cost(), optimum(bench)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace placer::sim
