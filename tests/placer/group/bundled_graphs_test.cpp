// Groups of real training steps keep the parallelism that is in them.

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/expanding_evaluator.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "simulator/simulator.h"
#include "tests/support/synthetic_times.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

class BundledGraphs : public ::testing::TestWithParam<const char*> {
 protected:
  BundledGraphs() {
    const std::string file = std::string("configs/graphs/") + GetParam() + ".json.zst";
    workload_ = read_graph(read_file(file), file);
    test::add_synthetic_times(workload_);
  }
  Workload workload_ = test::training_chain(1);
};

// What two cores can reach by groups, against one core. Op by op HEFT reaches 1.80, 1.86 and 1.78
// times one core.
TEST_P(BundledGraphs, TwoDevicesPayByGroups) {
  const Cluster cluster = test::cpu_cores(2, 25);
  const CostModel costs(workload_, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const auto simulator = sim::make_simulator(costs, {});
  const SimTime single =
      simulator->evaluate_one(all_on(workload_.graph, id_at<DeviceId>(0))).step_time;
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 128});
  EXPECT_EQ(grouping.num_groups, 128U);
  EXPECT_EQ(grouping.divided_units, 0U);
  const Workload coarse = contract(workload_, grouping);
  const CostModel coarse_costs(coarse, cluster);
  const Constraints coarse_constraints = contract(constraints, grouping);
  const auto expanding = make_expanding_evaluator(*simulator, grouping);
  AlgorithmRegistry registry;
  register_baselines(registry);
  SearchOptions options;
  options.budget.evaluations = 600;
  const SearchResult result = registry.find("hill-climb")
                                  .make()
                                  ->run({.costs = coarse_costs,
                                         .constraints = coarse_constraints,
                                         .evaluator = *expanding,
                                         .fine_graph = &workload_.graph,
                                         .grouping = &grouping},
                                        options);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_GE(single.seconds() / result.outcome.step_time.seconds(), 1.6);
}

INSTANTIATE_TEST_SUITE_P(All, BundledGraphs,
                         ::testing::Values("inception_v3_small", "lstm_lm_small", "nmt_small"));

TEST(InceptionGroups, WeightGradientsAreMovable) {
  const std::string file = "configs/graphs/inception_v3_small.json.zst";
  Workload workload = read_graph(read_file(file), file);
  test::add_synthetic_times(workload);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Grouping grouping = group_nodes(costs, resolve_constraints(costs, {}), {.max_groups = 256});
  // Both halves of a convolution's backward are called convolution_backward and have its module.
  std::map<std::string, std::set<GroupId>> groups_of_module;
  std::map<std::string, int> halves;
  for (std::size_t v = 0; v < workload.graph.size(); ++v) {
    const Node& node = workload.graph.nodes()[v];
    if (node.op == "aten.convolution_backward") {
      groups_of_module[node.module].insert(grouping.group_of[v]);
      ++halves[node.module];
    }
  }
  int both = 0;
  int apart = 0;
  for (const auto& [module, count] : halves) {
    both += count == 2 ? 1 : 0;
    apart += count == 2 && groups_of_module[module].size() == 2 ? 1 : 0;
  }
  EXPECT_GT(both, 90);
  EXPECT_GE(apart, both * 8 / 10);
}

}  // namespace
}  // namespace placer
