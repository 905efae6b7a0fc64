// Contiguous splits: the published optima of public workloads, and small graphs by exhaustion.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "placer/algorithm/contiguous_split.h"
#include "placer/algorithm/exact.h"
#include "placer/algorithm/ideal_lattice.h"
#include "placer/base/files.h"
#include "placer/base/random.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_pipedream.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

struct Owned {
  Owned(Workload given, Cluster machine)
      : workload(std::move(given)),
        cluster(std::move(machine)),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, {})),
        evaluator(costs, constraints) {}
  explicit Owned(ImportedWorkload imported)
      : Owned(std::move(imported.workload), std::move(imported.cluster)) {}

  [[nodiscard]] Problem problem() {
    return {.costs = costs,
            .constraints = constraints,
            .evaluator = evaluator,
            .fine_graph = nullptr,
            .grouping = nullptr};
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  test::LoadEvaluator evaluator;
};

std::string text_of(const std::string& name) {
  return read_file("configs/workloads/" + name);
}

struct Golden {
  const char* file;
  std::size_t ideals;
  double milliseconds;
};

class DynamicProgram : public ::testing::TestWithParam<Golden> {};

TEST_P(DynamicProgram, FindsThePublishedOptimum) {
  Owned owned(import_dnn_partitioning(
      text_of(std::string("dnn-partitioning/throughput/") + GetParam().file), GetParam().file));
  const Problem problem = owned.problem();
  const BlockGraph graph(problem);
  const auto lattice = IdealLattice::all(graph, 200'000);
  ASSERT_TRUE(lattice.has_value());
  EXPECT_EQ(lattice->size(), GetParam().ideals);
  SplitSolver solver(problem, graph, SplitCost::kLoad);
  const auto split = solver.solve(*lattice, {});
  ASSERT_TRUE(split.has_value());
  EXPECT_NEAR(split->value / 1e3, GetParam().milliseconds, 1e-11 * GetParam().milliseconds);
}

// 20 nodes without edges have 2^20 ideals.
TEST(Contiguous, TooManyIdealsLeaveSplitsOfOrders) {
  std::string nodes;
  for (int id = 0; id < 20; ++id) {
    nodes += fmt::format(
        R"({}{{"id": {}, "supportedOnFpga": 1, "cpuLatency": 10, "fpgaLatency": 1,
           "isBackwardNode": 0, "size": 1}})",
        id == 0 ? "" : ",", id);
  }
  const std::string text = R"({"maxSizePerFPGA": 100, "maxFPGAs": 2, "maxCPUs": 1, "edges": [],
                              "nodes": [)" +
                           nodes + "]}";
  Owned owned(import_dnn_partitioning(text, "wide"));
  const SearchResult result = dp()->run(owned.problem(), {});
  EXPECT_TRUE(result.best.has_value());
  EXPECT_NE(result.trouble, "");
  EXPECT_FALSE(result.lower_bound.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    PublicWorkloads, DynamicProgram,
    ::testing::Values(Golden{"layer_bert24_inference.json", 39, 17.78990625},
                      Golden{"layer_bert24_training.json", 39, 41.7458125},
                      Golden{"layer_resnet50_inference.json", 242, 33.774666015625},
                      Golden{"layer_resnet50_training.json", 242, 78.6318125},
                      Golden{"op_bert_l-3_inference.json", 1428, 27.9185676799125},
                      Golden{"op_resnet50_inference.json", 241, 124.348849774045}));

struct Planned {
  const char* file;
  double seconds;
};

class PipedreamPlanner : public ::testing::TestWithParam<Planned> {};

// Straight pipelines of four workers at 1 GB/s.
TEST_P(PipedreamPlanner, FindsTheBestStraightPipeline) {
  Owned owned(
      import_pipedream(text_of(std::string("pipedream/") + GetParam().file), GetParam().file, {}));
  const Problem problem = owned.problem();
  const BlockGraph graph(problem);
  const auto lattice = IdealLattice::all(graph, 200'000);
  ASSERT_TRUE(lattice.has_value());
  SplitSolver solver(problem, graph, SplitCost::kPipeline);
  const auto split = solver.solve(*lattice, {});
  ASSERT_TRUE(split.has_value());
  EXPECT_NEAR(split->value / 1e6, GetParam().seconds, 5e-7);
}

INSTANTIATE_TEST_SUITE_P(PublicWorkloads, PipedreamPlanner,
                         ::testing::Values(Planned{"vgg16.graph.txt", 0.411042},
                                           Planned{"alexnet.graph.txt", 0.066454},
                                           Planned{"resnet18.graph.txt", 0.201601}));

// A few hundred nodes side by side have more ideals than fit.
TEST(Contiguous, TooManyIdealsLeaveTheSplitAlongTwoOrders) {
  Owned owned(test::random_workload(1, {.nodes = 400}), test::random_cluster(1));
  const SearchResult by_orders = dpl()->run(owned.problem(), {});
  const SearchResult result = dp()->run(owned.problem(), {});
  ASSERT_FALSE(result.trouble.empty());
  EXPECT_EQ(result.best, by_orders.best);
  EXPECT_TRUE(result.best.has_value());
}

}  // namespace
}  // namespace placer
