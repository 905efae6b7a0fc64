#include "tests/policy/test_problem.h"

#include <algorithm>
#include <utility>

namespace placer::policy::test {
namespace {

constexpr std::int64_t kMicro = 1'000'000;  // ps

std::unique_ptr<Workload> make_workload(const std::vector<TestOp>& ops) {
  std::vector<Node> nodes;
  KindTimes times;
  times.kind = "device";
  for (std::size_t i = 0; i < ops.size(); ++i) {
    Node node;
    node.name = ops[i].name.empty() ? "op" + std::to_string(i) : ops[i].name;
    node.op = ops[i].op;
    for (const std::size_t read : ops[i].reads) node.inputs.push_back({id_at<NodeId>(read), 0});
    TensorSpec output;
    output.bytes = {ops[i].bytes};
    node.outputs.push_back(output);
    nodes.push_back(std::move(node));
    const SimTime time{ops[i].micros * kMicro};
    times.ops.emplace_back(OpTime{time, time});
  }
  auto workload = std::make_unique<Workload>();
  workload->graph = build_graph_or_die({}, std::move(nodes));
  workload->times.set(std::move(times));
  return workload;
}

std::unique_ptr<Cluster> make_cluster(const TestCluster& options) {
  std::vector<Device> devices;
  std::vector<Link> links;
  for (std::size_t d = 0; d < options.devices; ++d) {
    Device device;
    device.name = "device:" + std::to_string(d);
    device.kind = "device";
    device.memory = {options.memory};
    devices.push_back(std::move(device));
    for (std::size_t e = 0; e < options.devices; ++e) {
      if (e == d) continue;
      Link link;
      link.name = std::to_string(d) + "-" + std::to_string(e);
      link.pairs = {{id_at<DeviceId>(d), id_at<DeviceId>(e)}};
      link.latency = {options.latency_us * kMicro};
      link.bytes_per_second = options.bytes_per_second;
      links.push_back(std::move(link));
    }
  }
  return std::make_unique<Cluster>("test", std::move(devices), std::move(links));
}

}  // namespace

TestProblem::TestProblem(const std::vector<TestOp>& ops, const TestCluster& cluster)
    : workload_(make_workload(ops)),
      cluster_(make_cluster(cluster)),
      costs_(std::make_unique<CostModel>(*workload_, *cluster_)),
      constraints_(resolve_constraints(*costs_, {})) {}

Outcome LoadAndCut::judge(const Placement& placement) const {
  const Graph& graph = costs_.graph();
  std::vector<std::size_t> ops(costs_.cluster().size(), 0);
  Outcome outcome;
  outcome.busy.resize(ops.size());
  outcome.peak_memory.resize(ops.size());
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const DeviceId device = placement.device[v];
    ++ops[index(device)];
    outcome.busy[index(device)] += costs_.op_time(id_at<NodeId>(v), device);
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      if (placement.device[index(use.consumer)] != device) outcome.step_time.ps += cut_us_ * kMicro;
    }
  }
  outcome.step_time += *std::max_element(outcome.busy.begin(), outcome.busy.end());
  const auto fullest = std::max_element(ops.begin(), ops.end());
  if (*fullest > max_ops_) {
    Infeasible why;
    why.reason = InfeasibleReason::kOutOfMemory;
    why.device = id_at<DeviceId>(static_cast<std::size_t>(fullest - ops.begin()));
    why.missing = {static_cast<std::int64_t>(*fullest - max_ops_)};
    why.text = "too many ops";
    outcome.infeasible = std::move(why);
  }
  return outcome;
}

void LoadAndCut::evaluate(std::span<const Placement> placements, std::span<Outcome> results) {
  for (std::size_t i = 0; i < placements.size(); ++i) results[i] = judge(placements[i]);
}

TestProblem three_ops() {
  return TestProblem({{20, {}, 4}, {30, {0}, 4}, {50, {1}, 4}}, {.devices = 2});
}

std::vector<TestOp> uneven_diamond() {
  return {
      {.micros = 10, .reads = {}, .bytes = 4'000},  {.micros = 25, .reads = {0}, .bytes = 9'000},
      {.micros = 40, .reads = {0}, .bytes = 2'000}, {.micros = 15, .reads = {1}, .bytes = 8'000},
      {.micros = 30, .reads = {2}, .bytes = 5'000}, {.micros = 20, .reads = {3, 4}, .bytes = 4}};
}

std::vector<TestOp> grid(std::size_t layers, std::size_t steps, std::int64_t micros,
                         std::int64_t bytes) {
  std::vector<TestOp> ops;
  for (std::size_t t = 0; t < steps; ++t) {
    for (std::size_t l = 0; l < layers; ++l) {
      TestOp op{.micros = micros, .reads = {}, .bytes = bytes};
      if (l > 0) op.reads.push_back(t * layers + l - 1);
      if (t > 0) op.reads.push_back((t - 1) * layers + l);
      ops.push_back(std::move(op));
    }
  }
  return ops;
}

}  // namespace placer::policy::test
