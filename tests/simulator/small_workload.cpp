#include "tests/simulator/small_workload.h"

#include <utility>

#include <gtest/gtest.h>

namespace placer::sim::test {

namespace {

TensorSpec opaque(std::int64_t bytes) {
  TensorSpec tensor;
  tensor.bytes = {bytes};
  return tensor;
}

}  // namespace

NodeId SmallWorkload::source(NodeKind kind, std::int64_t bytes) {
  Node node;
  node.kind = kind;
  node.name = "n" + std::to_string(nodes_.size());
  node.outputs = {opaque(bytes)};
  nodes_.push_back(std::move(node));
  times_.ops.emplace_back();
  return id_at<NodeId>(nodes_.size() - 1);
}

NodeId SmallWorkload::op(std::int64_t micros, const std::vector<NodeId>& inputs,
                         const std::vector<std::int64_t>& bytes, const More& more) {
  Node node;
  node.name = "n" + std::to_string(nodes_.size());
  node.op = "test.op";
  for (const NodeId input : inputs) {
    node.inputs.push_back({input, 0});
  }
  for (const std::int64_t size : bytes) {
    node.outputs.push_back(opaque(size));
  }
  if (more.view_of) node.outputs.front().alias_of = more.view_of;
  node.after = more.after;
  node.workspace = {more.workspace};
  node.resident = {more.resident};
  nodes_.push_back(std::move(node));
  times_.ops.emplace_back(OpTime{.time = us(micros), .minimum = us(micros)});
  if (more.busy_micros > 0) times_.ops.back()->busy = us(more.busy_micros);
  return id_at<NodeId>(nodes_.size() - 1);
}

NodeId SmallWorkload::keep(NodeId input) {
  Node node;
  node.kind = NodeKind::kOutput;
  node.name = "n" + std::to_string(nodes_.size());
  node.inputs = {{input, 0}};
  nodes_.push_back(std::move(node));
  times_.ops.emplace_back();
  return id_at<NodeId>(nodes_.size() - 1);
}

Workload SmallWorkload::build() const {
  Workload workload{build_graph_or_die({}, nodes_), {}};
  KindTimes times = times_;
  times.kind = "device";
  workload.times.set(std::move(times));
  return workload;
}

Cluster make_cluster(const SmallCluster& options) {
  std::vector<Device> devices;
  for (std::size_t i = 0; i < options.devices; ++i) {
    Device device;
    device.name = "d" + std::to_string(i);
    device.kind = "device";
    device.memory = {options.memory};
    device.overhead = us(options.overhead_us);
    device.asynchronous_launch = options.asynchronous_launch;
    if (!options.pools.empty()) device.pool = 0;
    devices.push_back(std::move(device));
  }
  std::vector<Link> links;
  for (std::size_t from = 0; from < options.devices; ++from) {
    for (std::size_t to = 0; to < options.devices; ++to) {
      if (from == to) continue;
      if (links.empty() || !options.shared) {
        Link link;
        link.name = "link" + std::to_string(links.size());
        link.latency = us(options.latency_us);
        link.bytes_per_second = options.bytes_per_second;
        link.shared = options.shared;
        links.push_back(std::move(link));
      }
      links.back().pairs.emplace_back(id_at<DeviceId>(from), id_at<DeviceId>(to));
    }
  }
  return {"small", std::move(devices), std::move(links), options.pools};
}

Placement on(const std::vector<unsigned>& devices, std::vector<std::int64_t> priority) {
  Placement placement;
  for (const unsigned device : devices) {
    placement.device.push_back(id_at<DeviceId>(device));
  }
  placement.priority = std::move(priority);
  return placement;
}

std::vector<Bytes> bytes(std::initializer_list<std::int64_t> counts) {
  std::vector<Bytes> result;
  for (const std::int64_t count : counts) result.push_back({count});
  return result;
}

Timeline run(const SmallWorkload& workload, const SmallCluster& cluster, const Placement& placement,
             const Model& model) {
  const Workload built = workload.build();
  const Cluster machine = make_cluster(cluster);
  const CostModel costs(built, machine);
  const auto simulator = make_simulator(costs, {.model = model});
  Timeline timeline = simulator->timeline(placement);
  const Outcome outcome = simulator->evaluate_one(placement);
  EXPECT_EQ(outcome.step_time, timeline.outcome.step_time);
  EXPECT_EQ(outcome.peak_memory, timeline.outcome.peak_memory);
  return timeline;
}

SimTime start_of(const Timeline& timeline, unsigned node) {
  for (const OpRecord& op : timeline.ops) {
    if (op.node == id_at<NodeId>(node)) return op.start;
  }
  ADD_FAILURE() << "no op " << node;
  return {};
}

}  // namespace placer::sim::test
