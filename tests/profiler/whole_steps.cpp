#include "tests/profiler/whole_steps.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "placer/base/files.h"
#include "placer/formats/formats.h"

namespace placer::testing {

std::vector<std::string> graph_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with(".json.zst")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

Graph load_graph(const std::string& file) {
  return read_graph(read_file(file), file).graph;
}

std::string short_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).filename();
  name = name.substr(0, name.find('.'));
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

Left what_is_left(const Graph& graph, const profile::Executor& executor) {
  Left left;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.kind == NodeKind::kOutput) {
      left[node.name] = executor.output(id_at<NodeId>(i)).data;
    } else if (node.kind == NodeKind::kState) {
      left[node.name] = executor.state(id_at<NodeId>(i)).data;
    }
  }
  return left;
}

void expect_same(const Left& left, const Left& expected, const std::string& where) {
  ASSERT_EQ(left.size(), expected.size());
  for (const auto& [name, data] : expected) {
    ASSERT_EQ(left.at(name) == data, true) << "\"" << name << "\" differs " << where;
  }
}

Left step_once(const Graph& graph, profile::Executor& executor, const Placement& placement) {
  executor.reset();
  executor.place(placement);
  const profile::StepReport report = executor.step(0, false);
  EXPECT_FALSE(report.infeasible) << report.infeasible->text;
  return what_is_left(graph, executor);
}

Left three_steps(const Graph& graph, profile::Executor& executor, const Placement& placement,
                 bool captured) {
  (void)step_once(graph, executor, placement);
  EXPECT_EQ(captured ? executor.capture() : "", "");
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(executor.step(0, false).infeasible);
  }
  return what_is_left(graph, executor);
}

std::vector<std::string> captured_draws(const Graph& graph, int count, profile::Executor& executor,
                                        const Placement& placement) {
  (void)step_once(graph, executor, placement);
  EXPECT_EQ(executor.capture(), "");
  std::vector<std::string> values;
  for (int step = 0; step < 3; ++step) {
    EXPECT_FALSE(executor.step(0, false).infeasible);
    for (int i = 0; i < count; ++i) {
      values.push_back(executor.output(*graph.find("y" + std::to_string(i))).data);
    }
  }
  return values;
}

Placement in_runs(const Graph& graph, std::size_t devices, Rng& rng) {
  std::vector<DeviceId> of_class(graph.num_colocation_classes());
  std::size_t device = 0;
  for (DeviceId& choice : of_class) {
    device = rng.below(30) == 0 ? rng.below(devices) : device;
    choice = id_at<DeviceId>(device);
  }
  Placement placement;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    placement.device.push_back(of_class[graph.colocation_class(id_at<NodeId>(i))]);
  }
  return placement;
}

}  // namespace placer::testing
