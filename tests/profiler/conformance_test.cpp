// Every bundled graph gives the same bits under any placement, and the loss of eager PyTorch.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/base/random.h"
#include "profiler/executor.h"
#include "tests/profiler/executable_graph.h"
#include "tests/profiler/whole_steps.h"

namespace placer::profile {
namespace {

using placer::testing::expect_same;
using placer::testing::graph_files;
using placer::testing::in_runs;
using placer::testing::load_graph;
using placer::testing::short_name;
using placer::testing::step_once;

float loss_of(const Graph& graph, const Executor& executor) {
  float loss = 0;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kLoss) {
      const Value value = executor.output(id_at<NodeId>(i));
      EXPECT_EQ(value.data.size(), sizeof loss);
      std::memcpy(&loss, value.data.data(), sizeof loss);
    }
  }
  return loss;
}

double norm_of(const Value& value) {
  std::vector<float> numbers(value.data.size() / sizeof(float));
  std::memcpy(numbers.data(), value.data.data(), value.data.size());
  double sum = 0;
  for (const float number : numbers) {
    sum += static_cast<double>(number) * number;
  }
  return std::sqrt(sum);
}

// Norms of all gradients by the parameter's name in the exported program.
std::map<std::string, double> gradient_norms(const Graph& graph, const Executor& executor) {
  std::map<std::string, double> norms;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kGradient) {
      norms[graph.node(*node.target).origin] = norm_of(executor.output(id_at<NodeId>(i)));
    }
  }
  return norms;
}

// Every node anywhere, in any order.
Placement anything(const Graph& graph, std::size_t devices, Rng& rng) {
  Placement placement;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device.push_back(id_at<DeviceId>(rng.below(devices)));
    placement.priority.push_back(static_cast<std::int64_t>(rng.below(1000)));
  }
  return placement;
}

class BundledGraph : public ::testing::TestWithParam<std::string> {};

TEST_P(BundledGraph, AnyPlacementGivesTheBitsOfOneDevice) {
  const Graph graph = load_graph(GetParam());
  constexpr std::size_t kDevices = 3;
  const Cluster cluster = placer::testing::core_cluster(kDevices);
  const auto executor = make_executor(graph, cluster, {});
  const auto expected = step_once(graph, *executor, all_on(graph, DeviceId{0}));
  const auto gradients = std::ranges::count_if(graph.nodes(), [](const Node& node) {
    return node.kind == NodeKind::kOutput && node.output_role == OutputRole::kGradient;
  });
  EXPECT_GT(gradients, 0);
  Rng rng(17);
  const std::vector<Placement> placements = {anything(graph, kDevices, rng),
                                             anything(graph, 2, rng), in_runs(graph, kDevices, rng),
                                             in_runs(graph, 2, rng)};
  for (std::size_t p = 0; p < placements.size(); ++p) {
    const auto values = step_once(graph, *executor, placements[p]);
    expect_same(values, expected, "under placement " + std::to_string(p));
  }
}

INSTANTIATE_TEST_SUITE_P(Conformance, BundledGraph,
                         ::testing::ValuesIn(graph_files(PLACER_SOURCE_ROOT "/configs/graphs")),
                         short_name);

class EagerLoss : public ::testing::TestWithParam<std::string> {};

// Goldens: tests/golden/eager/, made by tools/export (the command is in each file). The first
// step's loss to 1e-5; the second step's, after one update, as close as the file says: rounding
// differences between convolution kernels grow with the first steps of an untrained network.
TEST_P(EagerLoss, IsTheExecutorsLoss) {
  const std::string stem = std::filesystem::path(GetParam()).filename().string();
  const std::string model = stem.substr(0, stem.find("_small"));
  const std::string golden_file = PLACER_SOURCE_ROOT "/tests/golden/eager/" + model + ".json";
  const auto golden = nlohmann::json::parse(read_file(golden_file));
  const Graph graph = load_graph(GetParam());
  const Cluster cluster = placer::testing::core_cluster(2);
  ExecutorOptions options;
  options.seed = golden.at("seed").get<std::uint64_t>();
  options.seeded_state = true;
  const auto executor = make_executor(graph, cluster, options);
  executor->place(all_on(graph, DeviceId{0}));
  ASSERT_FALSE(executor->step(0, false).infeasible);
  const double expected = golden.at("loss").get<double>();
  EXPECT_NEAR(loss_of(graph, *executor), expected, 1e-5 * std::abs(expected));
  const auto norms = gradient_norms(graph, *executor);
  const double tolerance = golden.at("gradient_norm_relative_tolerance").get<double>();
  EXPECT_EQ(norms.size(), golden.at("gradient_norms").size());
  for (const auto& [name, norm] : golden.at("gradient_norms").items()) {
    ASSERT_TRUE(norms.contains(name)) << name;
    EXPECT_NEAR(norms.at(name), norm.get<double>(), tolerance * norm.get<double>() + 1e-12) << name;
  }
  ASSERT_FALSE(executor->step(0, false).infeasible);
  const auto& second = golden.at("second_steps").at(0);
  const double next = second.at("loss").get<double>();
  EXPECT_NEAR(loss_of(graph, *executor), next,
              second.at("relative_tolerance").get<double>() * std::abs(next));
}

INSTANTIATE_TEST_SUITE_P(Conformance, EagerLoss,
                         ::testing::ValuesIn(graph_files(PLACER_SOURCE_ROOT
                                                         "/tests/golden/graphs")),
                         short_name);

}  // namespace
}  // namespace placer::profile
