// Measures how the executor passes work from core to core, by chains of small ops.

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "placer/evaluate/statistics.h"
#include "profiler/clocks.h"
#include "profiler/devices.h"
#include "profiler/executor.h"

namespace placer::profile {
namespace {

constexpr int kSteps = 25;           // of every chain; their median counts
constexpr std::size_t kLinks = 200;  // ops of a chain
constexpr std::int64_t kSmall = 16;  // floats that a small op works on: only the notice costs
constexpr std::int64_t kLarge = std::int64_t{1} << 22;  // 16 MiB: beyond a core's own caches
constexpr std::size_t kLargeLinks = 20;

// x -> relu -> relu -> ... of `length` ops on `floats` numbers.
Graph chain(std::size_t length, std::int64_t floats) {
  const TensorSpec spec{DType::kFloat32, {floats}, Bytes{4 * floats}, {}};
  std::vector<Node> nodes(1);
  nodes[0].name = "x";
  nodes[0].origin = "x";
  nodes[0].kind = NodeKind::kInput;
  nodes[0].outputs = {spec};
  for (std::size_t i = 0; i < length; ++i) {
    Node node;
    node.name = fmt::format("relu_{}", i);
    node.op = "aten.relu";
    node.overload = "default";
    node.inputs = {{id_at<NodeId>(i), 0}};
    node.arguments = {{"self", InputArgument{0}}};
    node.outputs = {spec};
    nodes.push_back(std::move(node));
  }
  return build_graph_or_die({}, std::move(nodes));
}

struct ChainTime {
  double wall = 0;  // seconds of a step, median
  double cpu = 0;   // of all its ops together
};

// `stride`: every how many ops the chain goes to the other core; 0: never.
ChainTime time_chain(const Graph& graph, const Cluster& cluster, std::size_t stride) {
  const auto executor = make_executor(graph, cluster, {});
  Placement placement = all_on(graph, DeviceId{0});
  for (std::size_t i = 1; i < graph.size() && stride > 0; ++i) {
    placement.device[i] = id_at<DeviceId>((i / stride) % 2);
  }
  executor->place(placement);
  std::vector<double> wall;
  std::vector<double> cpu;
  const double clock = clock_cost();
  for (int i = 0; i < kSteps; ++i) {
    wall.push_back(executor->step(0, false).wall_seconds);
    double sum = 0;
    for (const OpRun& op : executor->step(0, true).ops) {
      sum += op.cpu_seconds - clock;
    }
    cpu.push_back(sum);
  }
  return {median(wall), median(cpu)};
}

}  // namespace

HandOffFacts measure_hand_off(const MachineFacts& facts) {
  MachineFacts two = facts;
  two.cores.resize(std::min<std::size_t>(2, two.cores.size()));
  const Cluster cluster = cores_cluster(two, {});
  const Graph small = chain(kLinks, kSmall);
  const ChainTime alone = time_chain(small, cluster, 0);
  HandOffFacts measured;
  measured.overhead_seconds = std::max(0.0, alone.wall - alone.cpu) / static_cast<double>(kLinks);
  if (cluster.size() < 2) {
    return measured;
  }
  const ChainTime hopping = time_chain(small, cluster, 1);
  measured.latency_seconds = std::max(0.0, hopping.wall - alone.wall) / static_cast<double>(kLinks);
  const Graph large = chain(kLargeLinks, kLarge);
  const ChainTime streaming = time_chain(large, cluster, 1);
  // An op reads what the other core wrote, and writes as much.
  const double op_seconds =
      streaming.wall / static_cast<double>(kLargeLinks) - measured.latency_seconds;
  measured.read_bytes_per_second = static_cast<double>(4 * kLarge) / std::max(op_seconds, 1e-9);
  return measured;
}

}  // namespace placer::profile
