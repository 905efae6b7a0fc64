// Certified optima: a published one, and every small problem against trying everything.

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "placer/algorithm/exact.h"
#include "placer/base/files.h"
#include "placer/bound/lower_bound.h"
#include "placer/formats/import_task_graph.h"
#include "simulator/objective.h"
#include "simulator/simulator.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

struct Owned {
  Owned(Workload given, Cluster machine, const ConstraintOptions& options)
      : workload(std::move(given)),
        cluster(std::move(machine)),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, options)) {}

  [[nodiscard]] Problem problem() {
    return {.costs = costs,
            .constraints = constraints,
            .evaluator = *evaluator,
            .fine_graph = nullptr,
            .grouping = nullptr};
  }
  SearchResult solve(const SearchOptions& options = {}) {
    return branch_and_bound()->run(problem(), options);
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  std::unique_ptr<Evaluator> evaluator;
};

// Calls visit(placement) for every placement that the constraints allow.
template <typename Visit>
void for_each_placement(const Constraints& constraints, Visit visit) {
  std::vector<std::uint64_t> allowed(constraints.num_units);
  for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
    allowed[constraints.unit_of[v]] = constraints.allowed[v];
  }
  std::vector<std::size_t> choice(constraints.num_units);
  const auto place = [&](auto&& self, std::size_t unit) -> void {
    if (unit == choice.size()) {
      Placement placement;
      for (const std::uint32_t of : constraints.unit_of) {
        placement.device.push_back(id_at<DeviceId>(choice[of]));
      }
      visit(placement);
      return;
    }
    for (std::size_t d = 0; d < constraints.memory_limit.size(); ++d) {
      if ((allowed[unit] >> d & 1) != 0) {
        choice[unit] = d;
        self(self, unit + 1);
      }
    }
  };
  place(place, 0);
}

std::int64_t cheapest(const Constraints& constraints, Evaluator& evaluator) {
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for_each_placement(constraints, [&](const Placement& placement) {
    const Outcome outcome = evaluator.evaluate_one(placement);
    best = outcome.feasible() ? std::min(best, outcome.cost()) : best;
  });
  return best;
}

// Small enough to try everything: about 8 units on 2 or 3 devices.
std::unique_ptr<Owned> small_problem(std::uint64_t seed) {
  ConstraintOptions options;
  auto workload = test::random_workload(
      seed, {.nodes = 6 + seed % 3, .unsupported = seed % 2 == 0 ? 0.3 : 0.0});
  auto cluster = test::random_cluster(
      seed, {.devices = 2 + seed % 2, .hand_offs = seed % 3 == 0, .pools = seed % 5 == 0});
  if (seed % 4 == 1) {
    options.pin = {workload.graph.nodes().back().name + "=" + cluster.devices()[0].name};
  }
  return std::make_unique<Owned>(std::move(workload), std::move(cluster), options);
}

TEST(BranchAndBound, CertifiesTheOptimumOfTopcuoglusGraph) {
  const char* file = "configs/workloads/task-graph/topcuoglu.json";
  auto imported = import_task_graph(read_file(file), file);
  Owned owned(std::move(imported.workload), std::move(imported.cluster), {});
  owned.evaluator = sim::make_simulator(owned.costs, {.model = sim::model_named("ideal").value()});
  const SearchResult result = owned.solve();
  ASSERT_TRUE(result.best.has_value());
  const double unit =
      owned.costs.op_time(owned.workload.graph.find("T1").value(), DeviceId{0}).microseconds() *
      1e6 / 14;
  EXPECT_DOUBLE_EQ(static_cast<double>(result.outcome.cost()) / unit, 73);
  EXPECT_EQ(result.lower_bound, result.outcome.cost());
  EXPECT_EQ(owned.evaluator->evaluate_one(*result.best).cost(), result.outcome.cost());
}

class SmallProblems : public ::testing::TestWithParam<std::string> {};

TEST_P(SmallProblems, CertifiedIsWhatTryingEverythingFinds) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    auto owned = small_problem(seed);
    owned->evaluator = sim::make_objective(GetParam(), owned->costs, owned->constraints, {});
    const std::int64_t best = cheapest(owned->constraints, *owned->evaluator);
    const SearchResult result = owned->solve();
    if (best == std::numeric_limits<std::int64_t>::max()) {
      EXPECT_FALSE(result.best.has_value());
      continue;
    }
    ASSERT_TRUE(result.best.has_value());
    EXPECT_EQ(result.lower_bound, result.outcome.cost());
    if (GetParam() == "step-time") {
      EXPECT_LE(result.outcome.cost(), best);  // orders beside the default one were tried too
    } else {
      EXPECT_EQ(result.outcome.cost(), best);
    }
  }
}

TEST_P(SmallProblems, NoPlacementIsBelowTheLowerBound) {
  std::size_t positive = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    auto owned = small_problem(seed);
    const auto evaluator = sim::make_objective(GetParam(), owned->costs, owned->constraints, {});
    const LowerBound bound =
        lower_bound(owned->costs, owned->constraints, bounded_objective(GetParam()).value());
    EXPECT_LE(bound.cost, cheapest(owned->constraints, *evaluator)) << bound.decided_by;
    positive += bound.cost > 0 ? 1 : 0;
  }
  EXPECT_GT(positive, 50U);
}

INSTANTIATE_TEST_SUITE_P(Objectives, SmallProblems,
                         ::testing::Values("step-time", "max-load", "latency", "peak-memory"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(BranchAndBound, WithoutBudgetForItTheBoundIsNotTheCost) {
  Owned owned(test::training_chain(6), test::cpu_cores(3), {});
  owned.evaluator = sim::make_objective("step-time", owned.costs, owned.constraints, {});
  SearchOptions options;
  options.budget.evaluations = 3;
  const SearchResult result = owned.solve(options);
  ASSERT_TRUE(result.best.has_value());
  ASSERT_TRUE(result.lower_bound.has_value());
  EXPECT_LE(result.evaluations, 3U);
  EXPECT_LE(*result.lower_bound, result.outcome.cost());
}

}  // namespace
}  // namespace placer
