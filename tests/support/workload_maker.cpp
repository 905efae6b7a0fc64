#include "tests/support/workload_maker.h"

#include <map>
#include <utility>

namespace placer::test {

namespace {

TensorSpec opaque(std::int64_t bytes) {
  TensorSpec spec;
  spec.bytes = Bytes{bytes};
  return spec;
}

}  // namespace

Cluster cpu_cores(std::size_t devices, double latency_us, Bytes memory) {
  std::vector<Device> list;
  Link link;
  link.name = "memory";
  link.latency = from_microseconds(latency_us);
  for (std::size_t a = 0; a < devices; ++a) {
    Device device;
    device.name = "cpu:" + std::to_string(a);
    device.kind = "cpu-core";
    device.memory = memory;
    list.push_back(std::move(device));
    for (std::size_t b = 0; b < devices; ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  std::vector<Link> links;
  if (devices > 1) {
    links.push_back(std::move(link));
  }
  return {"cores", std::move(list), std::move(links)};
}

TensorRef WorkloadMaker::input(const std::string& name, std::int64_t bytes) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kInput;
  node.origin = name;
  node.outputs = {opaque(bytes)};
  nodes_.push_back(std::move(node));
  return {id_at<NodeId>(nodes_.size() - 1), 0};
}

TensorRef WorkloadMaker::state(const std::string& name, std::int64_t bytes, StateRole role,
                               const std::string& module) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kState;
  node.state_role = role;
  node.module = module;
  node.origin = name;
  node.outputs = {opaque(bytes)};
  nodes_.push_back(std::move(node));
  return {id_at<NodeId>(nodes_.size() - 1), 0};
}

TensorRef WorkloadMaker::op(const std::string& name, OpSpec spec) {
  Node node;
  node.name = name;
  node.op = "test.op";
  node.pass = spec.pass;
  node.module = spec.module;
  node.colocate = spec.colocate;
  node.inputs = spec.inputs;
  node.mutates = spec.mutates;
  node.workspace = Bytes{spec.workspace};
  for (const std::int64_t bytes : spec.output_bytes) {
    node.outputs.push_back(opaque(bytes));
  }
  if (!spec.mutates.empty() || spec.view) {
    const std::uint32_t base = spec.view ? 0 : spec.mutates.front();
    const TensorRef ref = spec.inputs[base];
    node.outputs.front().alias_of = base;
    node.outputs.front().bytes = nodes_[index(ref.node)].outputs[ref.output].bytes;
  }
  nodes_.push_back(std::move(node));
  times_us_.resize(nodes_.size());
  times_us_.back() = spec.time_us;
  return {id_at<NodeId>(nodes_.size() - 1), 0};
}

void WorkloadMaker::output(const std::string& name, TensorRef value, OutputRole role,
                           TensorRef target) {
  Node node;
  node.name = name;
  node.kind = NodeKind::kOutput;
  node.output_role = role;
  node.inputs = {value};
  if (role == OutputRole::kGradient || role == OutputRole::kStateWrite) {
    node.target = target.node;
  }
  nodes_.push_back(std::move(node));
}

Workload WorkloadMaker::finish() {
  times_us_.resize(nodes_.size());
  std::map<std::string, double> time_of;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    time_of[nodes_[i].name] = times_us_[i];
  }
  GraphInfo info;
  info.name = "test";
  Workload workload{build_graph_or_die(std::move(info), std::move(nodes_)), {}};
  KindTimes times{kind_, {}, {}};
  for (const Node& node : workload.graph.nodes()) {
    if (node.kind == NodeKind::kOp) {
      const SimTime time = from_microseconds(time_of[node.name]);
      OpTime op;
      op.time = time;
      op.minimum = time;
      times.ops.emplace_back(op);
    } else {
      times.ops.emplace_back();
    }
  }
  workload.times.set(std::move(times));
  return workload;
}

Workload training_chain(std::size_t layers, std::int64_t weight_bytes) {
  WorkloadMaker maker;
  const std::int64_t activation = weight_bytes / 10;
  std::vector<TensorRef> weights;
  std::vector<TensorRef> values{maker.input("x", activation)};
  for (std::size_t i = 0; i < layers; ++i) {
    const std::string module = "layer" + std::to_string(i);
    weights.push_back(maker.state(module + ".weight", weight_bytes, StateRole::kParameter, module));
    values.push_back(maker.op(module + "/forward", {.inputs = {values.back(), weights.back()},
                                                    .time_us = 2000,
                                                    .output_bytes = {activation},
                                                    .module = module}));
  }
  TensorRef gradient = maker.op("loss_backward", {.inputs = {values.back()},
                                                  .time_us = 10,
                                                  .output_bytes = {activation},
                                                  .pass = Pass::kBackward});
  for (std::size_t i = layers; i-- > 0;) {
    const std::string module = "layer" + std::to_string(i);
    const TensorRef dw = maker.op(module + "/dw", {.inputs = {gradient, values[i]},
                                                   .time_us = 2000,
                                                   .output_bytes = {weight_bytes},
                                                   .pass = Pass::kBackward,
                                                   .module = module});
    if (i > 0) {
      gradient = maker.op(module + "/dx", {.inputs = {gradient, weights[i]},
                                           .time_us = 2000,
                                           .output_bytes = {activation},
                                           .pass = Pass::kBackward,
                                           .module = module});
    }
    maker.op(module + "/update", {.inputs = {weights[i], dw},
                                  .time_us = 100,
                                  .pass = Pass::kUpdate,
                                  .module = module,
                                  .mutates = {0}});
    maker.output(module + "/gradient", dw, OutputRole::kGradient, weights[i]);
  }
  return maker.finish();
}

}  // namespace placer::test
