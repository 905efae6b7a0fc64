#include "placer/explain/memory_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// x 10, w 100, momentum 30; a reads both and makes 40 with 7 of workspace, v is a view of a, dw 100
// is kept as w's gradient and written into w in place.
Workload small_step() {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 10);
  const TensorRef w = maker.state("w", 100);
  maker.state("momentum", 30, StateRole::kOptimizer);
  const TensorRef a =
      maker.op("a", {.inputs = {x, w}, .time_us = 5, .output_bytes = {40}, .workspace = 7});
  const TensorRef v = maker.op("v", {.inputs = {a}, .time_us = 1, .view = true});
  const TensorRef b = maker.op("b", {.inputs = {v}, .time_us = 1, .output_bytes = {25}});
  const TensorRef dw = maker.op(
      "dw", {.inputs = {b, v}, .time_us = 5, .output_bytes = {100}, .pass = Pass::kBackward});
  maker.op("update", {.inputs = {w, dw}, .time_us = 1, .pass = Pass::kUpdate, .mutates = {0}});
  maker.output("w.grad", dw, OutputRole::kGradient, w);
  return maker.finish();
}

TEST(MemoryFit, PartsAreByPurpose) {
  const Workload workload = small_step();
  const Cluster cluster = test::cpu_cores(2);
  const MemoryParts parts = memory_parts(CostModel(workload, cluster));
  EXPECT_EQ(parts.parameters, Bytes{100});
  EXPECT_EQ(parts.optimizer, Bytes{30});
  EXPECT_EQ(parts.buffers, Bytes{0});
  EXPECT_EQ(parts.inputs, Bytes{10});
  EXPECT_EQ(parts.gradients, Bytes{100});
  EXPECT_EQ(parts.workspace, Bytes{7});
  // a's 40 live until dw has read the view of it, together with b's 25.
  EXPECT_EQ(parts.activations, Bytes{65});
  EXPECT_EQ(parts.total(), Bytes{100 + 30 + 10 + 100 + 7 + 65});
}

TEST(MemoryFit, NeededAloneIsThePeakOfOneDevice) {
  const Workload workload = small_step();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  // While dw runs: x, w, momentum (140), a, b (65), dw (100).
  const std::vector<Bytes> limits{Bytes{305}, Bytes{304}};
  const auto fits = fit_alone(costs, limits);
  ASSERT_EQ(fits.size(), 2U);
  EXPECT_EQ(fits[0].needed_alone, Bytes{305});
  EXPECT_TRUE(fits[0].fits_alone);
  EXPECT_FALSE(fits[1].fits_alone);
}

TEST(MemoryFit, AgreesWithTheSimulatorOnOneDevice) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Workload workload = test::random_workload(seed, {.nodes = 80, .kinds = {"cpu-core"}});
    const Cluster cluster = test::cpu_cores(1, 20, Bytes{std::int64_t{1} << 50});
    const CostModel costs(workload, cluster);
    const auto simulator = sim::make_simulator(costs, {});
    const Outcome outcome = simulator->evaluate_one(all_on(workload.graph, id_at<DeviceId>(0)));
    ASSERT_TRUE(outcome.feasible());
    const std::vector<Bytes> limits{Bytes{std::int64_t{1} << 50}};
    EXPECT_EQ(fit_alone(costs, limits)[0].needed_alone, outcome.peak_memory[0]);
  }
}

TEST(MemoryFit, SaysWhatIsCertainlyTooMuch) {
  // 4 layers of 1 MiB weights with 1 MiB gradients.
  const Workload workload = test::training_chain(4);
  const auto verdict = [&](std::int64_t mebibytes, const ConstraintOptions& options) {
    const Cluster cluster = test::cpu_cores(2, 20, Bytes{mebibytes << 20});
    const CostModel costs(workload, cluster);
    return certainly_infeasible(costs, resolve_constraints(costs, options));
  };
  EXPECT_EQ(verdict(8, {}), "");
  EXPECT_THAT(verdict(3, {}), AllOf(HasSubstr("cpu:0, cpu:1 are together"), HasSubstr("short"),
                                    HasSubstr("largest: \"layer")));
  EXPECT_THAT(verdict(6, {.pin = {"*=cpu:1"}}), HasSubstr("cpu:1 is 2"));
  EXPECT_THAT(verdict(6, {.colocate = {"layer*"}}), HasSubstr("no device of cpu:0, cpu:1"));
}

TEST(MemoryFit, APoolIsCountedOnce) {
  const Workload workload = test::training_chain(4);
  std::vector<Device> devices(2);
  Link link;
  link.name = "memory";
  link.pairs = {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}};
  for (std::size_t d = 0; d < 2; ++d) {
    devices[d].name = "cpu:" + std::to_string(d);
    devices[d].kind = "cpu-core";
    devices[d].memory = Bytes{6 << 20};
    devices[d].pool = 0;
  }
  const Cluster cluster("pooled", devices, {link}, {{"ram", Bytes{6 << 20}}});
  const CostModel costs(workload, cluster);
  // 8 MiB of weights and gradients: two devices of 6 MiB would do, but they are the same 6 MiB.
  EXPECT_THAT(certainly_infeasible(costs, resolve_constraints(costs, {})), HasSubstr("short"));
}

}  // namespace
}  // namespace placer
