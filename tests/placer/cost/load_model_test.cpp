#include "placer/cost/load_model.h"

#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace placer {
namespace {

constexpr TensorRef kStated{NodeId{0}, 0};
constexpr TensorRef kSized{NodeId{0}, 1};
constexpr TensorRef kView{NodeId{1}, 0};

// An op with a tensor that states 0.75 us and one of 1000 bytes, and a view of the latter.
Workload workload() {
  Node a;
  a.name = "a";
  a.op = "work";
  a.resident = Bytes{50};
  a.outputs = {{.shape = {}, .bytes = Bytes{8}, .transfer_us = 0.75},
               {.shape = {}, .bytes = Bytes{1000}}};
  Node view;
  view.name = "view";
  view.op = "view";
  view.inputs = {kSized};
  view.outputs = {{.shape = {}, .bytes = Bytes{1000}, .alias_of = 0}};
  Workload result{build_graph_or_die({}, {a, view}), {}};
  const OpTime rounded{.time = SimTime{2}, .minimum = SimTime{2}, .exact_us = 1.0 / 3};
  for (const char* kind : {"acc", "cpu"}) {
    result.times.set({kind, {}, {rounded, OpTime{.time = SimTime{5}, .minimum = SimTime{5}}}});
  }
  return result;
}

Device device(std::string name, std::string kind) {
  return {.name = std::move(name),
          .kind = std::move(kind),
          .memory = Bytes{1 << 20},
          .pool = {},
          .cores = {},
          .overhead = {}};
}

Link link(std::vector<std::pair<DeviceId, DeviceId>> pairs, std::optional<double> rate,
          double scale) {
  return {.name = "link",
          .pairs = std::move(pairs),
          .latency = SimTime{1'000'000},
          .bytes_per_second = rate,
          .shared = false,
          .transfer_scale = scale};
}

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};
constexpr DeviceId d2{2};

TEST(LoadModel, AcceleratorsPayForTheirLinkToTheHost) {
  const Workload work = workload();
  const Cluster cluster("c", {device("acc:0", "acc"), device("acc:1", "acc"), device("cpu", "cpu")},
                        {link({{d0, d1}, {d1, d0}}, 100e9, 0.5),
                         link({{d0, d2}, {d2, d0}, {d1, d2}, {d2, d1}}, 2e9, 1)});
  const CostModel costs(work, cluster);
  const LoadModel load(costs);
  EXPECT_EQ(load.transfer_us(kStated, d0), 0.75);
  EXPECT_DOUBLE_EQ(load.transfer_us(kSized, d1), 0.5);
  EXPECT_EQ(load.transfer_us(kStated, d2), 0);
  EXPECT_EQ(load.transfer_us(kSized, d2), 0);
}

TEST(LoadModel, WithoutHostTheCheapestLinkCounts) {
  const Workload work = workload();
  const Cluster cluster(
      "c", {device("acc:0", "acc"), device("acc:1", "acc"), device("acc:2", "acc")},
      {link({{d0, d1}, {d1, d0}}, 1e9, 3), link({{d0, d2}, {d2, d0}, {d1, d2}, {d2, d1}}, 4e9, 2)});
  const CostModel costs(work, cluster);
  const LoadModel load(costs);
  EXPECT_EQ(load.transfer_us(kStated, d0), 1.5);
  EXPECT_DOUBLE_EQ(load.transfer_us(kSized, d0), 0.25);
}

TEST(LoadModel, HandOffsAreFree) {
  const Workload work = workload();
  const Cluster cluster("c", {device("acc:0", "acc"), device("cpu", "cpu")},
                        {link({{d0, d1}, {d1, d0}}, std::nullopt, 1)});
  const CostModel costs(work, cluster);
  const LoadModel load(costs);
  EXPECT_EQ(load.transfer_us(kStated, d0), 0);
  EXPECT_EQ(load.transfer_us(kSized, d0), 0);
}

TEST(LoadModel, AddsTheWorkloadsOwnNumbers) {
  const Workload work = workload();
  const Cluster cluster("c", {device("acc:0", "acc")}, {});
  const CostModel costs(work, cluster);
  const LoadModel load(costs);
  EXPECT_DOUBLE_EQ(load.time_us(NodeId{0}, d0), 1.0 / 3);
  EXPECT_DOUBLE_EQ(load.time_us(NodeId{1}, d0), 5e-6);
  EXPECT_EQ(load.transfer_us(kSized, d0), 0);
  EXPECT_EQ(load.memory(NodeId{0}), Bytes{1058});
  EXPECT_EQ(load.memory(kView.node), Bytes{0});
}

}  // namespace
}  // namespace placer
