#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/formats/export_device_map.h"
#include "placer/formats/export_dot.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

Cluster cluster_of(const std::vector<std::string>& names) {
  std::vector<Device> devices(names.size());
  Link link;
  link.name = "bus";
  link.bytes_per_second = 1e9;
  for (std::size_t a = 0; a < names.size(); ++a) {
    devices[a].name = names[a];
    devices[a].kind = "any";
    for (std::size_t b = 0; b < names.size(); ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  return {"test", std::move(devices), {link}};
}

// embed, encoder.0 (two linear layers inside), encoder.1, head; and a parameter of the model
// itself.
Workload small_model() {
  test::WorkloadMaker maker("any");
  TensorRef value = maker.input("x", 4);
  const TensorRef scale = maker.state("scale", 4);
  for (const std::string module :
       {"embed", "encoder.0.first", "encoder.0.second", "encoder.1", "encoder.10", "head"}) {
    const TensorRef weight = maker.state(module + ".weight", 8, StateRole::kParameter, module);
    value = maker.op(module + "/op", {.inputs = {value, weight}, .time_us = 10, .module = module});
  }
  maker.op("scaled", {.inputs = {value, scale}, .time_us = 10});
  return maker.finish();
}

class ExportTest : public ::testing::Test {
 protected:
  // Everything on the first device but what matches `prefix`, which is on the second.
  [[nodiscard]] Placement split(const std::vector<std::string>& prefixes) const {
    Placement placement = all_on(workload_.graph, id_at<DeviceId>(0));
    for (std::size_t v = 0; v < workload_.graph.size(); ++v) {
      for (const std::string& prefix : prefixes) {
        if (workload_.graph.nodes()[v].name.starts_with(prefix)) {
          placement.device[v] = id_at<DeviceId>(1);
        }
      }
    }
    return placement;
  }
  [[nodiscard]] Json map_of(const Placement& placement, std::size_t* moved = nullptr) const {
    const std::vector<double> weight(workload_.graph.size(), 1);
    const DeviceMap map = project_to_modules(workload_.graph, cluster_, placement, weight);
    if (moved != nullptr) {
      *moved = map.moved;
    }
    return Json::parse(write_device_map(map, cluster_));
  }

  Workload workload_ = small_model();
  Cluster cluster_ = cluster_of({"cuda:0", "cuda:1", "cpu"});
};

TEST_F(ExportTest, OneDeviceIsOneEntry) {
  EXPECT_EQ(map_of(all_on(workload_.graph, id_at<DeviceId>(1))), Json({{"", 1}}));
  EXPECT_EQ(map_of(all_on(workload_.graph, id_at<DeviceId>(2))), Json({{"", "cpu"}}));
}

TEST_F(ExportTest, ModulesAreDividedOnlyWhereTheyDiffer) {
  std::size_t moved = 1;
  const Json map = map_of(split({"encoder.1", "head"}), &moved);
  EXPECT_EQ(map, Json({{"embed", 0},
                       {"encoder.0", 0},
                       {"encoder.1", 1},
                       {"encoder.10", 1},
                       {"head", 1},
                       {"scale", 0}}));
  EXPECT_EQ(moved, 0U);
}

TEST_F(ExportTest, EveryParameterIsCovered) {
  const Json map = map_of(split({"encoder.0.second", "head"}));
  for (const Node& node : workload_.graph.nodes()) {
    if (node.kind != NodeKind::kState) {
      continue;
    }
    bool covered = false;
    for (const auto& [key, device] : map.items()) {
      covered = covered || node.name == key || node.name.starts_with(key + ".");
    }
    EXPECT_TRUE(covered) << node.name;
  }
}

TEST_F(ExportTest, MajorityTakesTheModuleAndCountsWhatMoved) {
  Placement placement = all_on(workload_.graph, id_at<DeviceId>(0));
  const auto id = [&](const std::string& name) {
    return index(workload_.graph.find(name).value());
  };
  placement.device[id("head/op")] = id_at<DeviceId>(1);  // its weight stays on the first device
  std::vector<double> weight(workload_.graph.size(), 0);
  weight[id("head/op")] = 5;
  const DeviceMap map = project_to_modules(workload_.graph, cluster_, placement, weight);
  EXPECT_EQ(map.moved, 1U);
  EXPECT_EQ(map.projected.device[id("head.weight")], id_at<DeviceId>(1));
  EXPECT_EQ(map.main_device, id_at<DeviceId>(0));
}

TEST_F(ExportTest, WhatADeviceMapCannotSayIsInfeasible) {
  const Cluster cores = cluster_of({"cpu:0", "cpu:1"});
  const std::vector<double> weight(workload_.graph.size(), 1);
  const auto text = [&](const Graph& graph, const Cluster& cluster, const Placement& placement) {
    try {
      (void)project_to_modules(graph, cluster, placement, std::vector<double>(graph.size(), 1));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInfeasible);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(text(workload_.graph, cores, split({"head"})), HasSubstr("cpu:0, cpu:1"));
  EXPECT_EQ(text(workload_.graph, cores, split({})), "no error");
  test::WorkloadMaker maker;
  maker.op("a", {.inputs = {maker.input("x", 4)}});
  const Workload plain = maker.finish();
  EXPECT_THAT(text(plain.graph, cluster_, all_on(plain.graph, id_at<DeviceId>(0))),
              HasSubstr("no module paths"));
}

TEST_F(ExportTest, NotesNameTheMainDevice) {
  const std::vector<double> weight(workload_.graph.size(), 1);
  const DeviceMap map =
      project_to_modules(workload_.graph, cluster_, split({"embed", "x"}), weight);
  const Json notes = Json::parse(write_device_map_notes(map, workload_.graph, cluster_));
  EXPECT_EQ(notes["main_device"], 1);
  EXPECT_EQ(notes["graph_hash"], workload_.graph.hash());
  EXPECT_EQ(notes["devices"], Json({"cuda:0", "cuda:1", "cpu"}));
}

TEST_F(ExportTest, AssignmentNamesEveryNode) {
  const Json map = Json::parse(write_assignment(workload_.graph, cluster_, split({"head"})));
  EXPECT_EQ(map.size(), workload_.graph.size());
  EXPECT_EQ(map["head/op"], "cuda:1");
  EXPECT_EQ(map["x"], "cuda:0");
}

TEST_F(ExportTest, PictureHasAFramePerUsedDeviceAndMarksTransfers) {
  const std::vector<double> weight(workload_.graph.size(), 10);
  const std::string dot = write_dot(workload_.graph, cluster_, split({"head"}), weight);
  EXPECT_THAT(dot, AllOf(HasSubstr("label=\"cuda:0\""), HasSubstr("label=\"cuda:1\""),
                         Not(HasSubstr("label=\"cpu\"")), HasSubstr("head/op")));
  // encoder.10/op -> head/op -> scaled: two crossings of 4 bytes.
  std::size_t red = 0;
  for (auto at = dot.find("color=red"); at != std::string::npos;
       at = dot.find("color=red", at + 1)) {
    ++red;
  }
  EXPECT_EQ(red, 2U);
  EXPECT_THAT(dot, HasSubstr("4 B"));
}

TEST_F(ExportTest, LargePicturesShowModules) {
  const std::vector<double> weight(workload_.graph.size(), 10);
  const std::string dot =
      write_dot(workload_.graph, cluster_, split({"head"}), weight, {.max_boxes = 5});
  // embed, encoder, head, and the op without module.
  EXPECT_THAT(dot, AllOf(HasSubstr("encoder\\n4 ops"), Not(HasSubstr("encoder.0")),
                         HasSubstr("(no module)")));
}

TEST(ExportDot, QuotesNames) {
  test::WorkloadMaker maker("any");
  maker.op("a\"b\\c", {.inputs = {maker.input("x", 4)}});
  const Workload workload = maker.finish();
  const Cluster cluster = cluster_of({"cuda:0", "cuda:1"});
  const std::string dot =
      write_dot(workload.graph, cluster, all_on(workload.graph, id_at<DeviceId>(0)),
                std::vector<double>(workload.graph.size(), 0));
  EXPECT_THAT(dot, HasSubstr("label=\"a\\\"b\\\\c\""));
}

}  // namespace
}  // namespace placer
