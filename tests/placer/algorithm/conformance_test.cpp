// What every registered algorithm promises, whatever it does inside (algorithm.h).

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <stop_token>

#include <gtest/gtest.h>

#include "placer/algorithm/algorithm.h"
#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "simulator/max_load.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/owned_problem.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using test::OwnedProblem;

struct Case {
  std::string name;
  bool searches;
  std::function<std::unique_ptr<Algorithm>()> make;
};

// What the test's name shows of its parameter; GoogleTest's name for it.
void PrintTo(  // NOLINT(readability-identifier-naming)
    const Case& which, std::ostream* out) {
  *out << which.name;
}

std::vector<Case> all_cases() {
  AlgorithmRegistry registry;
  register_baselines(registry);
  std::vector<Case> cases;
  for (const AlgorithmEntry& entry : registry.entries()) {
    cases.push_back({entry.name, entry.searches, entry.make});
  }
  cases.push_back({"single", false, [] { return single_device(id_at<DeviceId>(1)); }});
  return cases;
}

std::unique_ptr<OwnedProblem> random_problem(std::uint64_t seed) {
  return std::make_unique<OwnedProblem>(
      test::random_workload(seed, {.nodes = 60, .unsupported = 0.2}),
      test::random_cluster(seed, {.devices = 2 + seed % 4}), ConstraintOptions{});
}

SearchOptions with_evaluations(std::uint64_t evaluations, std::uint64_t seed = 1) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = seed;
  return options;
}

class Conformance : public ::testing::TestWithParam<Case> {};

TEST_P(Conformance, PlacesEveryNodeWithinTheConstraints) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const auto owned = random_problem(seed);
    const SearchResult result =
        GetParam().make()->run(owned->problem(), with_evaluations(200, seed));
    ASSERT_TRUE(result.best.has_value());
    EXPECT_EQ(
        first_violation(owned->workload.graph, owned->cluster, owned->constraints, *result.best),
        "");
    EXPECT_TRUE(result.outcome.feasible());
    EXPECT_EQ(owned->evaluator.evaluate_one(*result.best).step_time, result.outcome.step_time);
  }
}

TEST_P(Conformance, SameSeedSameResult) {
  const auto owned = random_problem(5);
  const SearchResult a = GetParam().make()->run(owned->problem(), with_evaluations(300, 9));
  const SearchResult b = GetParam().make()->run(owned->problem(), with_evaluations(300, 9));
  EXPECT_EQ(a.best, b.best);
  EXPECT_EQ(a.evaluations, b.evaluations);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    EXPECT_EQ(a.history[i].evaluations, b.history[i].evaluations);
    EXPECT_EQ(a.history[i].best, b.history[i].best);
  }
}

TEST_P(Conformance, SpendsNoMoreThanTheBudgetAndCountsAll) {
  for (const std::uint64_t budget : {1, 2, 7, 100}) {
    const auto owned = random_problem(2);
    const SearchResult result = GetParam().make()->run(owned->problem(), with_evaluations(budget));
    // Branch and bound, in the portfolio too, counts what it looks at beside what it evaluates.
    EXPECT_GE(result.evaluations, owned->evaluator.evaluations());
    if (GetParam().name != "branch-and-bound" && GetParam().name != "auto") {
      EXPECT_EQ(result.evaluations, owned->evaluator.evaluations());
    }
    if (GetParam().searches) {
      EXPECT_LE(result.evaluations, budget);
    }
    EXPECT_GE(result.evaluations, 1U);
  }
}

TEST_P(Conformance, HistoryOnlyImproves) {
  const auto owned = random_problem(8);
  const SearchResult result = GetParam().make()->run(owned->problem(), with_evaluations(400));
  ASSERT_FALSE(result.history.empty());
  for (std::size_t i = 1; i < result.history.size(); ++i) {
    EXPECT_LT(result.history[i].best, result.history[i - 1].best);
    EXPECT_GT(result.history[i].evaluations, result.history[i - 1].evaluations);
  }
  EXPECT_EQ(result.history.back().best, result.outcome.step_time);
}

TEST_P(Conformance, UnknownParametersAreUsageErrors) {
  const auto owned = random_problem(1);
  SearchOptions options = with_evaluations(10);
  options.parameters = {{"no-such-thing", "1"}};
  try {
    (void)GetParam().make()->run(owned->problem(), options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("no-such-thing"), std::string::npos);
  }
}

TEST_P(Conformance, StopsWhenAsked) {
  if (!GetParam().searches) {
    GTEST_SKIP() << "returns at once";
  }
  const auto owned = random_problem(4);
  std::stop_source stop;
  owned->evaluator.before = [&] {
    if (owned->evaluator.evaluations() == 50) {
      stop.request_stop();
    }
  };
  SearchOptions options;  // without a budget
  options.stop = stop.get_token();
  const SearchResult result = GetParam().make()->run(owned->problem(), options);
  EXPECT_TRUE(result.stopped);
  EXPECT_TRUE(result.best.has_value());
  EXPECT_LT(result.evaluations, 200U);
}

TEST_P(Conformance, NeverWorseThanWhereItStarted) {
  if (!GetParam().searches) {
    GTEST_SKIP() << "starts from nothing";
  }
  const auto owned = random_problem(6);
  const SearchResult good = GetParam().make()->run(owned->problem(), with_evaluations(2000, 3));
  SearchOptions options = with_evaluations(4, 77);
  options.initial = {all_on(owned->workload.graph, id_at<DeviceId>(0)), *good.best};
  const SearchResult result = GetParam().make()->run(owned->problem(), options);
  EXPECT_LE(result.outcome.step_time, good.outcome.step_time);
}

TEST_P(Conformance, InitialPlacementsThatBreakConstraintsAreMended) {
  if (!GetParam().searches) {
    GTEST_SKIP() << "starts from nothing";
  }
  OwnedProblem owned(test::training_chain(4), test::cpu_cores(3), {.pin = {"layer1=cpu:2"}});
  SearchOptions options = with_evaluations(1);
  options.initial = {all_on(owned.workload.graph, id_at<DeviceId>(0))};
  const SearchResult result = GetParam().make()->run(owned.problem(), options);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(result.best->device[index(owned.workload.graph.find("layer1/dx").value())],
            id_at<DeviceId>(2));
  EXPECT_EQ(result.best->device[index(owned.workload.graph.find("layer2/dx").value())],
            id_at<DeviceId>(0));
}

TEST_P(Conformance, RespectsPins) {
  OwnedProblem owned(test::training_chain(6), test::cpu_cores(3),
                     {.pin = {"layer1=cpu:2", "layer2=cpu:0,cpu:1"}, .colocate = {"layer3"}});
  const SearchResult result = GetParam().make()->run(owned.problem(), with_evaluations(300));
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(first_violation(owned.workload.graph, owned.cluster, owned.constraints, *result.best),
            "");
}

TEST_P(Conformance, FindsSomethingThatFitsWhereOneDeviceDoesNot) {
  if (GetParam().name == "single") {
    GTEST_SKIP() << "one device cannot";
  }
  // Eight layers of 1 MiB weights, 1 MiB weight gradients and small activations need about 18 MiB.
  OwnedProblem owned(test::training_chain(8), test::cpu_cores(4, 20, Bytes{6 << 20}), {});
  const SearchResult result = GetParam().make()->run(owned.problem(), with_evaluations(20000));
  ASSERT_TRUE(result.best.has_value()) << result.outcome.infeasible->text;
  EXPECT_TRUE(result.outcome.feasible());
}

TEST_P(Conformance, NothingThatFitsIsAResult) {
  OwnedProblem owned(test::training_chain(8), test::cpu_cores(2, 20, Bytes{1 << 20}), {});
  const SearchResult result = GetParam().make()->run(owned.problem(), with_evaluations(100));
  EXPECT_FALSE(result.best.has_value());
  ASSERT_TRUE(result.outcome.infeasible.has_value());
  EXPECT_EQ(result.outcome.infeasible->reason, InfeasibleReason::kOutOfMemory);
}

TEST_P(Conformance, WorksOnGroupsWhoseUnitsAreDivided) {
  const Workload fine = test::training_chain(5);
  const Cluster cluster = test::cpu_cores(3);
  const CostModel fine_costs(fine, cluster);
  const Constraints fine_constraints =
      resolve_constraints(fine_costs, {.colocate = {"layer1", "layer2"}});
  const Grouping grouping = group_nodes(fine_costs, fine_constraints, {});
  ASSERT_GT(grouping.divided_units, 0U);
  const Workload coarse = contract(fine, grouping);
  const CostModel costs(coarse, cluster);
  const Constraints constraints = contract(fine_constraints, grouping);
  test::LoadEvaluator evaluator(costs, constraints);
  const Problem problem{.costs = costs,
                        .constraints = constraints,
                        .evaluator = evaluator,
                        .fine_graph = &fine.graph,
                        .grouping = &grouping};
  const SearchResult result = GetParam().make()->run(problem, with_evaluations(200));
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(first_violation(fine.graph, cluster, fine_constraints, expand(*result.best, grouping)),
            "");
}

TEST_P(Conformance, PlacesPublishedWorkloads) {
  // CPUs that not all ops pay on, accelerators that not all ops run on, colour classes.
  for (const std::string name :
       {"throughput/op_bert_l-3_inference", "latency/layer_bert24_inference"}) {
    SCOPED_TRACE(name);
    const std::string file =
        PLACER_SOURCE_ROOT "/configs/workloads/dnn-partitioning/" + name + ".json";
    ImportedWorkload imported = import_dnn_partitioning(read_file(file), file);
    OwnedProblem owned(std::move(imported.workload), std::move(imported.cluster), {});
    const SearchResult result = GetParam().make()->run(owned.problem(), with_evaluations(20));
    ASSERT_TRUE(result.best.has_value());
    EXPECT_EQ(first_violation(owned.workload.graph, owned.cluster, owned.constraints, *result.best),
              "");
  }
}

// Sums of what nodes hold, without the evaluators' code.
std::vector<Bytes> held_by_devices(const Graph& graph, const Placement& placement,
                                   std::size_t devices) {
  std::vector<Bytes> held(devices);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    held[index(placement.device[v])] += graph.nodes()[v].resident;
  }
  return held;
}

// Of a published workload: a pin, an accelerator that some ops must not use, ops that stay
// together, and an accelerator with little memory; beside its own colour classes and ops that only
// hosts run.
ConstraintOptions rules_for(const CostModel& costs) {
  const auto acc1 = costs.cluster().size() > 2 ? 1U : 0U;
  std::vector<std::string> on_accelerators;
  for (std::size_t v = 0; v < costs.graph().size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    if ((costs.supported(id) >> acc1 & 1) != 0) {
      on_accelerators.push_back(costs.graph().node(id).name);
    }
  }
  const std::size_t count = on_accelerators.size();
  const std::string second = costs.cluster().devices()[acc1].name;
  return {.pin = {on_accelerators[count / 2] + "=" + second},
          .forbid = {on_accelerators[count / 4] + "=acc:0"},
          .colocate = {on_accelerators[count - 1].substr(0, 1) + "?"},
          .max_memory = {"acc:0=64MiB"}};
}

TEST_P(Conformance, KeepsRulesOfEveryKindOnPublishedWorkloads) {
  for (const std::string name :
       {"throughput/layer_bert24_inference", "throughput/layer_bert24_training",
        "throughput/layer_resnet50_inference", "throughput/op_bert_l-3_inference",
        "latency/op_bert_l-3_inference"}) {
    SCOPED_TRACE(name);
    const std::string file =
        PLACER_SOURCE_ROOT "/configs/workloads/dnn-partitioning/" + name + ".json";
    const ImportedWorkload imported = import_dnn_partitioning(read_file(file), file);
    const Graph& graph = imported.workload.graph;
    const CostModel costs(imported.workload, imported.cluster);
    const Constraints constraints = resolve_constraints(costs, rules_for(costs));
    const auto evaluator = sim::make_max_load(costs, constraints, {});
    const SearchResult result = GetParam().make()->run(
        {.costs = costs, .constraints = constraints, .evaluator = *evaluator},
        with_evaluations(30));
    if (!result.best) {
      ASSERT_TRUE(result.outcome.infeasible.has_value());
      EXPECT_NE(result.outcome.infeasible->text, "");
      continue;
    }
    EXPECT_EQ(first_violation(graph, imported.cluster, constraints, *result.best), "");
    EXPECT_EQ(evaluator->evaluate_one(*result.best).cost(), result.outcome.cost());
    const auto held = held_by_devices(graph, *result.best, imported.cluster.size());
    for (std::size_t d = 0; d < held.size(); ++d) {
      EXPECT_LE(held[d], constraints.memory_limit[d]) << imported.cluster.devices()[d].name;
    }
  }
}

TEST_P(Conformance, WorksWithOneDevice) {
  if (GetParam().name == "single") {
    GTEST_SKIP() << "is for device 1";
  }
  OwnedProblem owned(test::training_chain(3), test::cpu_cores(1), {});
  const SearchResult result = GetParam().make()->run(owned.problem(), with_evaluations(20));
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(num_devices_used(*result.best), 1U);
}

INSTANTIATE_TEST_SUITE_P(All, Conformance, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<Case>& param) {
                           std::string name = param.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(HillClimb, BeatsRandomSearch) {
  const auto owned = random_problem(10);
  AlgorithmRegistry registry;
  register_baselines(registry);
  const auto random = registry.find("random").make()->run(owned->problem(), with_evaluations(3000));
  const auto climb =
      registry.find("hill-climb").make()->run(owned->problem(), with_evaluations(3000));
  EXPECT_LT(climb.outcome.step_time, random.outcome.step_time);
}

}  // namespace
}  // namespace placer
