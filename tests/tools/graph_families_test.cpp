#include "tools/families/graph_families.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "placer/algorithm/list_schedulers.h"
#include "placer/algorithm/multilevel.h"
#include "placer/algorithm/partitioners.h"
#include "placer/bound/lower_bound.h"
#include "simulator/simulator.h"

namespace placer::families {
namespace {

class Families : public ::testing::TestWithParam<Family> {};

TEST_P(Families, HaveTheSizeAndRatioAskedFor) {
  for (const double ccr : {0.1, 10.0}) {
    const Workload workload = make_family({.family = GetParam(), .nodes = 3000, .ccr = ccr});
    const Cluster cluster = make_cluster(8, true);
    const CostModel costs(workload, cluster);
    const Graph& graph = workload.graph;
    EXPECT_NEAR(static_cast<double>(graph.size()), 3000, 900);
    double times = 0;
    double transfers = 0;
    double edges = 0;
    for (std::size_t v = 0; v < graph.size(); ++v) {
      times += costs.op_microseconds(id_at<NodeId>(v), id_at<DeviceId>(0));
      for (const Use& use : graph.uses(id_at<NodeId>(v))) {
        ++edges;
        transfers += costs
                         .occupancy(graph.tensor({id_at<NodeId>(v), use.output}),
                                    id_at<DeviceId>(0), id_at<DeviceId>(1))
                         .microseconds();
      }
    }
    EXPECT_NEAR(transfers / edges / (times / static_cast<double>(graph.size())), ccr, 0.01 * ccr);
  }
}

TEST_P(Families, AreTheSameForTheSameSeed) {
  const FamilyOptions options{.family = GetParam(), .nodes = 500, .seed = 3};
  EXPECT_EQ(make_family(options).graph.hash(), make_family(options).graph.hash());
  EXPECT_NE(make_family(options).graph.hash(),
            make_family({.family = GetParam(), .nodes = 500, .seed = 4}).graph.hash());
}

TEST_P(Families, AnyNumberOfNodes) {
  for (const std::size_t nodes : {1, 2, 3, 7, 50}) {
    EXPECT_GE(make_family({.family = GetParam(), .nodes = nodes}).graph.size(), nodes * 3 / 4);
  }
}

TEST_P(Families, MultilevelLeavesTheBaselinesBehind) {
  for (const double ccr : {1.0, 10.0}) {
    SCOPED_TRACE(ccr);
    const Workload workload =
        make_family({.family = GetParam(), .nodes = 800, .ccr = ccr, .equal = false});
    const Cluster cluster = make_cluster(8, false);
    const CostModel costs(workload, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    const auto simulator = sim::make_simulator(costs, {});
    const Problem problem{.costs = costs, .constraints = constraints, .evaluator = *simulator};
    SearchOptions options;
    options.budget.evaluations = 400;
    SimTime best = kMaxSimTime;
    for (const auto& make : {heft, m_etf, metis, scotch}) {
      const SearchResult result = make()->run(problem, {});
      best = std::min(best, result.outcome.step_time);
      options.initial.push_back(result.best.value());
    }
    const SearchResult result = multilevel()->run(problem, options);
    EXPECT_LT(result.outcome.step_time.seconds(), 0.9 * best.seconds());
    EXPECT_GE(result.outcome.step_time.ps,
              lower_bound(costs, constraints, BoundedObjective::kStepTime).cost);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(kFamilies),
                         [](const ::testing::TestParamInfo<Family>& param) {
                           std::string name(name_of(param.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(MakeCluster, UnequalDevicesSpreadFourTimes) {
  const Workload workload = make_family({.nodes = 50, .equal = false});
  const Cluster cluster = make_cluster(8, false);
  const CostModel costs(workload, cluster);
  const double fast = costs.op_microseconds(id_at<NodeId>(0), id_at<DeviceId>(0));
  const double slow = costs.op_microseconds(id_at<NodeId>(0), id_at<DeviceId>(7));
  EXPECT_NEAR(slow / fast, 4, 1e-3);
}

}  // namespace
}  // namespace placer::families
