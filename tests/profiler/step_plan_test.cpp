#include "profiler/torch/step_plan.h"

#include <gmock/gmock.h>

#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::core_cluster;
using placer::testing::ExecutableGraph;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint32_t> list(const Lists& lists, std::size_t i) {
  const auto items = lists.of(i);
  return {items.begin(), items.end()};
}

struct Planned {
  Lowered lowered;
  StepPlan plan;
};

// Devices 0 and 1 are cores, 2 and 3 GPUs.
Planned plan(const Graph& graph, const std::vector<std::uint32_t>& devices,
             const std::vector<std::int64_t>& priority = {}) {
  const Program program = make_program(graph);
  Placement placement;
  for (const std::uint32_t device : devices) {
    placement.device.push_back(DeviceId{device});
  }
  Planned planned;
  planned.lowered = lower(graph, core_cluster(4), program, placement, priority);
  planned.plan =
      plan_with_transfers(graph, program, {false, false, true, true}, priority, planned.lowered);
  return planned;
}

// x (0) -> a (1); b (2), c (3), d (4) read a.
Graph fan() {
  ExecutableGraph made;
  const TensorRef a = made.unary("a", "aten.neg.default", made.state("x", {2}), {2});
  for (const char* name : {"b", "c", "d"}) {
    made.unary(name, "aten.neg.default", a, {2});
  }
  return made.build();
}

TEST(StepPlan, NothingCrossesBetweenCores) {
  const Planned planned = plan(fan(), {0, 1, 0, 1, 0});
  EXPECT_THAT(planned.plan.transfers, IsEmpty());
  EXPECT_THAT(planned.plan.dependencies, ElementsAre(0, 0, 1, 1, 1));
  EXPECT_THAT(list(planned.plan.successors, 1), ElementsAre(2, 3, 4));
}

TEST(StepPlan, ATensorCrossesOnceToEachMemoryAndItsReadersWaitForTheCopy) {
  // x on a core; a on GPU 2; b and c on both cores, d on GPU 3. Tensors: x 0, a 1, b 2, c 3, d 4.
  const Planned planned = plan(fan(), {0, 2, 0, 1, 3});
  const StepPlan& made = planned.plan;
  ASSERT_EQ(made.transfers.size(), 3U);  // x to GPU 2, a to the host, a to GPU 3
  EXPECT_EQ(made.transfers[0].value, 0U);
  EXPECT_EQ(made.transfers[1].value, 1U);
  EXPECT_EQ(made.transfers[1].to, 0U);  // counts where it is read first
  EXPECT_EQ(made.transfers[2].to, 3U);
  EXPECT_THAT(list(made.told, 0), ElementsAre(1));
  EXPECT_THAT(list(made.told, 1), ElementsAre(2, 3));
  EXPECT_THAT(list(made.told, 2), ElementsAre(4));
  EXPECT_THAT(made.enter_first[2], ElementsAre(0));
  EXPECT_THAT(list(made.sends, 1), ElementsAre(1, 2));
  EXPECT_THAT(list(made.successors, 1), IsEmpty());
  EXPECT_THAT(made.dependencies, ElementsAre(0, 1, 1, 1, 1));
  EXPECT_THAT(made.from_host, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(made.to_host, ElementsAre(0, 0, 1, 0));
  // Slots 5, 6, 7 are the copies. a is released by its two transfers, a copy by who reads it.
  EXPECT_THAT(list(made.inputs, 2), ElementsAre(6));
  EXPECT_THAT(list(made.releases, 2), ElementsAre(2, 6));  // nobody reads b
  EXPECT_EQ(made.readers[1], 2U);
  EXPECT_EQ(made.readers[6], 2U);
  EXPECT_EQ(made.readers[7], 1U);
  EXPECT_EQ(made.device[6], 0U);
  EXPECT_EQ(made.bytes[7], 8);
  EXPECT_THAT(planned.lowered.ready[0], IsEmpty());
}

// u (1) writes x (0) in place, after r (2) has read it; both may be away from each other.
TEST(StepPlan, OrderWithoutATensorCrossesAsWord) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {2});
  made.unary("r", "aten.neg.default", x, {2});
  made.op("u", "aten.add_.Tensor", {x, x},
          {{"self", InputArgument{0}}, {"other", InputArgument{1}}}, alias_of(0, {2}));
  made.last().mutates = {0};
  const Graph graph = made.build();
  // r on a GPU, u on a core: word of r comes as a transfer. x crosses to r.
  const StepPlan to_host = plan(graph, {0, 2, 0}).plan;
  ASSERT_EQ(to_host.transfers.size(), 2U);
  EXPECT_EQ(to_host.transfers[1].value, kNone);
  EXPECT_EQ(to_host.transfers[1].copy, kNone);
  EXPECT_THAT(list(to_host.sends, 1), ElementsAre(1));
  EXPECT_THAT(list(to_host.told, 1), ElementsAre(2));
  // r on a core, u on a GPU: the core says so itself.
  const StepPlan to_gpu = plan(graph, {2, 0, 2}).plan;
  ASSERT_EQ(to_gpu.transfers.size(), 1U);
  EXPECT_THAT(list(to_gpu.successors, 1), ElementsAre(2));
}

TEST(StepPlan, OrderOfAGpuKeepsToPrioritiesWhereItCan) {
  const Planned planned = plan(fan(), {2, 2, 2, 2, 2}, {0, 1, 2, 4, 3});
  EXPECT_THAT(planned.lowered.order[2], ElementsAre(1, 3, 4, 2));
}

TEST(StepPlan, NewValuesOfStatesCrossToThem) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {2});
  made.output("new", made.unary("a", "aten.neg.default", x, {2}), OutputRole::kStateWrite, x.node);
  const StepPlan crossing = plan(made.build(), {2, 3, 2}).plan;
  ASSERT_EQ(crossing.transfers.size(), 2U);  // x there, a back
  EXPECT_EQ(crossing.written[2], crossing.transfers[1].copy);
  EXPECT_EQ(crossing.readers[crossing.transfers[1].copy], 1U);  // the step's end
  EXPECT_THAT(list(crossing.told, 1), IsEmpty());
  const StepPlan staying = plan(made.build(), {2, 2, 2}).plan;
  EXPECT_THAT(staying.transfers, IsEmpty());
  EXPECT_EQ(staying.written[2], 1U);
}

TEST(StepPlan, SharedMemoryCannotBeSplit) {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {2, 2});
  made.op("view", "aten.t.default", {x}, {{"self", InputArgument{0}}}, alias_of(0, {2, 2}));
  const Graph graph = made.build();
  EXPECT_FALSE(plan(graph, {0, 1}).plan.problem);
  const auto problem = plan(graph, {0, 2}).plan.problem;
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->reason, InfeasibleReason::kUnsupported);
  EXPECT_EQ(problem->node, NodeId{1});
}

}  // namespace
}  // namespace placer::profile
