// Every bundled graph gives the same bits on GPUs, and over them and the host, as on one core. (The
// stand-ins compute with the CPU's kernels.)

#include <gmock/gmock.h>

#include "profiler/torch/step_executor.h"
#include "tests/profiler/gpu/mixed_cluster.h"
#include "tests/profiler/gpu/stand_in_device.h"
#include "tests/profiler/gpu/stand_in_driver.h"
#include "tests/profiler/whole_steps.h"

namespace placer::profile {
namespace {

class BundledGraphOnGpus : public ::testing::TestWithParam<std::string> {};

TEST_P(BundledGraphOnGpus, AnyPlacementGivesTheBitsOfOneCore) {
  const Graph graph = placer::testing::load_graph(GetParam());
  const Cluster cluster =
      placer::testing::mixed_cluster({.cpus = 2, .gpus = {"cuda:0.0", "cuda:0.1", "cuda:1"}});
  const auto driver = placer::testing::stand_in_driver();
  StepExecutor executor(graph, cluster, {}, driver.get());
  const auto expected = placer::testing::step_once(graph, executor, all_on(graph, DeviceId{0}));
  Rng rng(23);
  const std::vector<Placement> placements = {
      all_on(graph, DeviceId{4}), placer::testing::in_runs(graph, 5, rng),
      placer::testing::in_runs(graph, 5, rng), placer::testing::in_runs(graph, 3, rng)};
  for (std::size_t p = 0; p < placements.size(); ++p) {
    const auto left = placer::testing::step_once(graph, executor, placements[p]);
    EXPECT_THAT(placer::testing::stand_in_faults(), ::testing::IsEmpty()) << "placement " << p;
    placer::testing::expect_same(left, expected, "under placement " + std::to_string(p));
  }
}

// A graph without dropouts, which draw other numbers in a captured step.
TEST(GraphOnOneGpu, CapturedStepsGiveTheBitsOfOps) {
  const Graph graph = placer::testing::load_graph(
      PLACER_SOURCE_ROOT "/tests/golden/graphs/lstm_lm_small-nodrop.json.zst");
  const Cluster cluster = placer::testing::mixed_cluster({.cpus = 1, .gpus = {"cuda:0"}});
  const auto driver = placer::testing::stand_in_driver();
  StepExecutor executor(graph, cluster, {}, driver.get());
  const Placement on_gpu = all_on(graph, DeviceId{1});
  const auto expected = placer::testing::three_steps(graph, executor, on_gpu, false);
  const auto left = placer::testing::three_steps(graph, executor, on_gpu, true);
  EXPECT_THAT(placer::testing::stand_in_faults(), ::testing::IsEmpty());
  placer::testing::expect_same(left, expected, "when captured");
}

INSTANTIATE_TEST_SUITE_P(Conformance, BundledGraphOnGpus,
                         ::testing::ValuesIn(placer::testing::graph_files(PLACER_SOURCE_ROOT
                                                                          "/configs/graphs")),
                         placer::testing::short_name);

}  // namespace
}  // namespace placer::profile
