#include "placer/algorithm/starts.h"

#include <gtest/gtest.h>

#include "tests/support/owned_problem.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

// A chain of four ops whose last reads what an op that takes no time makes before them all, on the
// same device.
Workload chain_with_an_early_parameter() {
  test::WorkloadMaker maker;
  const TensorRef early = maker.op("weight", {.time_us = 0, .colocate = "last"});
  TensorRef value = maker.op("a", {.time_us = 10});
  for (const char* name : {"b", "c"}) value = maker.op(name, {.inputs = {value}, .time_us = 10});
  maker.op("d", {.inputs = {value, early}, .time_us = 10, .colocate = "last"});
  return maker.finish();
}

// Names of the units' first nodes, in forward_order().
std::vector<std::string> order_of(Workload workload) {
  test::OwnedProblem owned(std::move(workload), test::cpu_cores(2), {});
  const UnitTable units(owned.problem());
  std::vector<std::string> names;
  for (const std::size_t u : forward_order(owned.problem(), units)) {
    names.push_back(owned.workload.graph.node(units.members(u).front()).name);
  }
  return names;
}

TEST(ForwardOrder, UnitsComeWhereTheirWorkIs) {
  const std::vector<std::string> expected = {"a", "b", "c", "weight"};
  EXPECT_EQ(order_of(chain_with_an_early_parameter()), expected);
}

// The backward ops of the first layer are the last of the step, and there are more of them.
TEST(ForwardOrder, BackwardOpsDoNotCountBesideForwardOnes) {
  test::WorkloadMaker maker;
  const auto spec = [](std::vector<TensorRef> inputs, Pass pass, const char* layer) {
    return test::WorkloadMaker::OpSpec{
        .inputs = std::move(inputs), .time_us = 10, .pass = pass, .colocate = layer};
  };
  const TensorRef first = maker.op("first", spec({}, Pass::kForward, "1"));
  const TensorRef second = maker.op("second", spec({first}, Pass::kForward, "2"));
  const TensorRef back = maker.op("second/back", spec({second}, Pass::kBackward, "2"));
  maker.op("first/back", spec({back}, Pass::kBackward, "1"));
  maker.op("first/update", spec({back}, Pass::kUpdate, "1"));
  maker.op("neither", {.inputs = {back}, .time_us = 10, .pass = Pass::kBackward});
  const std::vector<std::string> expected = {"first", "second", "neither"};
  EXPECT_EQ(order_of(maker.finish()), expected);
}

TEST(ContiguousSplits, CutThatOrderIntoRuns) {
  test::OwnedProblem owned(chain_with_an_early_parameter(), test::cpu_cores(2), {});
  const UnitTable units(owned.problem());
  const std::vector<Choice> splits = contiguous_splits(owned.problem(), units);
  ASSERT_EQ(splits.size(), 2U);
  const Placement split = units.placement(splits[1]);
  std::vector<std::size_t> devices;
  for (const DeviceId device : split.device) devices.push_back(index(device));
  EXPECT_EQ(devices, (std::vector<std::size_t>{1, 0, 0, 1, 1}));  // weight, a, b, c, d
}

}  // namespace
}  // namespace placer
