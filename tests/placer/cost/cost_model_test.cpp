#include "placer/cost/cost_model.h"

#include <gmock/gmock.h>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr DeviceId kFast{0};
constexpr DeviceId kSlow{1};
constexpr NodeId kSource{0};
constexpr NodeId kA{1};
constexpr NodeId kB{2};

Workload two_ops() {
  Node source;
  source.name = "x";
  source.kind = NodeKind::kInput;
  source.outputs = {{DType::kOpaque, {}, Bytes{100}, {}}};
  Node a;
  a.name = "a";
  a.op = "work";
  a.inputs = {{kSource, 0}};
  a.outputs = {{DType::kOpaque, {}, Bytes{1000}, {}}};
  Node b = a;
  b.name = "b";
  b.inputs = {{kA, 0}};
  Workload workload{build_graph_or_die({}, {source, a, b}), {}};
  const auto time = [](std::int64_t ps) { return OpTime{SimTime{ps}, SimTime{ps}}; };
  workload.times.set({"fast", {}, {std::nullopt, time(10), time(20)}});
  workload.times.set({"slow", {}, {std::nullopt, time(31), std::nullopt}});
  return workload;
}

// 1000 B at 1 GB/s hold the link for 1 us; latency 3 us. The host of "slow" takes 5 ps an op.
Cluster two_devices() {
  return {"pair",
          {{.name = "f", .kind = "fast", .memory = {}, .pool = {}, .cores = {}, .overhead = {}},
           {.name = "s",
            .kind = "slow",
            .memory = {},
            .pool = {},
            .cores = {},
            .overhead = SimTime{5}}},
          {{.name = "link",
            .pairs = {{kFast, kSlow}, {kSlow, kFast}},
            .latency = SimTime{3'000'000},
            .bytes_per_second = 1e9,
            .shared = false}}};
}

TEST(CostModel, AddsTheDevicesOverheadToOpsAlone) {
  const Workload workload = two_ops();
  const Cluster cluster = two_devices();
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.op_time(kA, kFast), SimTime{10});
  EXPECT_EQ(costs.op_time(kA, kSlow), SimTime{36});
  EXPECT_EQ(costs.op_time(kSource, kSlow), SimTime{0});
}

TEST(CostModel, AnOpWithoutTimeIsUnsupportedThere) {
  const Workload workload = two_ops();
  const Cluster cluster = two_devices();
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.supported(kA), 0b11U);
  EXPECT_EQ(costs.supported(kB), 0b01U);
  EXPECT_EQ(costs.supported(kSource), 0b11U);
  EXPECT_EQ(costs.mean_time(kA), SimTime{23});  // (10 + 36) / 2
  EXPECT_EQ(costs.mean_time(kB), SimTime{20});
}

TEST(CostModel, TransfersTakeOccupancyAndLatency) {
  TensorSpec tensor;
  tensor.bytes = Bytes{1000};
  const Workload workload = two_ops();
  const Cluster cluster = two_devices();
  const CostModel costs(workload, cluster);
  EXPECT_EQ(costs.occupancy(tensor, kFast, kSlow), SimTime{1'000'000});
  EXPECT_EQ(costs.transfer_time(tensor, kFast, kSlow), SimTime{4'000'000});
  EXPECT_EQ(costs.transfer_time(tensor, kFast, kFast), SimTime{0});
  EXPECT_EQ(costs.mean_transfer_time(tensor), SimTime{4'000'000});
  EXPECT_EQ(costs.signal_time(kFast, kSlow), SimTime{3'000'000});
  EXPECT_EQ(costs.signal_time(kFast, kFast), SimTime{0});
}

TEST(CostModel, AStatedTransferTimeGoesBeforeBytesAndBandwidth) {
  const Workload workload = two_ops();
  const Cluster cluster = two_devices();
  const CostModel costs(workload, cluster);
  TensorSpec tensor;
  tensor.bytes = Bytes{1000};
  tensor.transfer_us = 0.5;
  EXPECT_EQ(costs.occupancy(tensor, kFast, kSlow), SimTime{500'000});
  EXPECT_EQ(costs.transfer_time(tensor, kFast, kSlow), SimTime{3'500'000});
  EXPECT_EQ(costs.mean_transfer_time(tensor), SimTime{3'500'000});
}

TEST(CostModel, DefaultPriorityIsTheUpwardRankOfMeanTimes) {
  const Workload workload = two_ops();
  const Cluster cluster = two_devices();
  const CostModel costs(workload, cluster);
  // b: 20; a: 23 + 4,000,000 + 20; x: 0 + (100 B: 100,000 + 3,000,000) + rank of a.
  EXPECT_THAT(default_priority(costs), testing::ElementsAre(7'100'043, 4'000'043, 20));
}

// Each is within its own range.
TEST(CostModel, RefusesStatedTimesThatALinkMakesTooLong) {
  std::vector<Node> nodes(1);
  nodes[0].name = "a";
  nodes[0].op = "test.op";
  TensorSpec tensor;
  tensor.transfer_us = 1e12;
  nodes[0].outputs = {tensor};
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  KindTimes times;
  times.kind = "k";
  times.ops = {OpTime{.time = {1}, .minimum = {1}}};
  workload.times.set(std::move(times));
  std::vector<Device> devices(2);
  Link link;
  link.name = "l";
  link.bytes_per_second = 1e9;
  link.pairs = {{id_at<DeviceId>(0), id_at<DeviceId>(1)}, {id_at<DeviceId>(1), id_at<DeviceId>(0)}};
  for (std::size_t d = 0; d < 2; ++d) {
    devices[d].name = "d" + std::to_string(d);
    devices[d].kind = "k";
  }
  EXPECT_NO_THROW(CostModel(workload, Cluster("c", devices, {link})));
  link.transfer_scale = 1000;
  const Cluster slow("c", devices, {link});
  try {
    const CostModel costs(workload, slow);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("\"a\""));
  }
}

TEST(CostModel, SaysToProfileWhenAKindHasNoTimes) {
  Workload workload = two_ops();
  workload.times = {};
  const Cluster cluster = two_devices();
  try {
    const CostModel costs(workload, cluster);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("placer profile"));
  }
}

}  // namespace
}  // namespace placer
