#include "placer/algorithm/expanding_evaluator.h"

#include <gtest/gtest.h>

#include "tests/support/fake_evaluator.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

TEST(ExpandingEvaluator, JudgesWhatTheGroupsExpandTo) {
  const Workload workload = test::training_chain(4);
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const Grouping grouping = group_nodes(costs, constraints, {.max_groups = 6});
  test::LoadEvaluator fine(costs, constraints);
  const auto expanding = make_expanding_evaluator(fine, grouping);
  std::vector<Placement> coarse(2);
  for (std::size_t g = 0; g < grouping.num_groups; ++g) {
    coarse[0].device.push_back(id_at<DeviceId>(g % 2));
    coarse[1].device.push_back(id_at<DeviceId>(0));
  }
  std::vector<Outcome> outcomes(2);
  expanding->evaluate(coarse, outcomes);
  for (std::size_t i = 0; i < 2; ++i) {
    const Outcome direct = fine.evaluate_one(expand(coarse[i], grouping));
    EXPECT_EQ(outcomes[i].step_time, direct.step_time);
    EXPECT_EQ(outcomes[i].peak_memory, direct.peak_memory);
  }
  EXPECT_NE(outcomes[0].step_time, outcomes[1].step_time);
}

}  // namespace
}  // namespace placer
