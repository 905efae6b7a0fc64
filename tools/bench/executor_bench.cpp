// What the executor itself costs: per op on one device, per hand-off between two.

#include <sched.h>

#include <vector>

#include <benchmark/benchmark.h>

#include "placer/graph/graph.h"
#include "profiler/executor.h"

namespace placer {
namespace {

TensorSpec square(std::int64_t side) {
  TensorSpec spec;
  spec.dtype = DType::kFloat32;
  spec.shape = {side, side};
  spec.bytes = {side * side * 4};
  return spec;
}

// x -> neg -> neg -> ...
Graph chain(std::size_t length, std::int64_t side) {
  std::vector<Node> nodes(1);
  nodes[0].name = "x";
  nodes[0].kind = NodeKind::kState;
  nodes[0].outputs = {square(side)};
  for (std::size_t i = 0; i < length; ++i) {
    Node node;
    node.name = "op" + std::to_string(i);
    node.op = "aten.neg";
    node.overload = "default";
    node.inputs = {{id_at<NodeId>(i), 0}};
    node.arguments = {{"self", InputArgument{0}}};
    node.outputs = {square(side)};
    nodes.push_back(std::move(node));
  }
  return build_graph_or_die({}, std::move(nodes));
}

Cluster two_cores() {
  const Bytes memory{std::int64_t{1} << 40};
  Link link{"hand-off",
            {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}},
            {},
            std::nullopt,
            false};
  return {"cores",
          {{"cpu:0", "cpu-core", memory, {}, {}, {}}, {"cpu:1", "cpu-core", memory, {}, {}, {}}},
          {link}};
}

bool two_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return CPU_ISSET(0, &set) && CPU_ISSET(1, &set);
}

// Every `run` ops the chain goes to the other device; 0: never. The time per item is that of one
// op, hand-off included.
void BM_Chain(benchmark::State& state) {
  if (!two_processors()) {
    state.SkipWithError("needs processors 0 and 1");
    return;
  }
  constexpr std::size_t kOps = 1000;
  const Graph graph = chain(kOps, state.range(1));
  const Cluster cluster = two_cores();
  const auto executor = profile::make_executor(graph, cluster, {});
  Placement placement = all_on(graph, DeviceId{0});
  const auto run = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 1; run != 0 && i < graph.size(); ++i) {
    placement.device[i] = id_at<DeviceId>((i / run) % 2);
  }
  executor->place(placement);
  for (auto _ : state) {
    state.SetIterationTime(executor->step(0, false).wall_seconds);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kOps));
}
// Side 4: the op is nothing but overhead. Side 512: about 100 us of work, so that the other device
// waits longer than it looks.
BENCHMARK(BM_Chain)
    ->ArgNames({"run", "side"})
    ->Args({0, 4})
    ->Args({1, 4})
    ->Args({0, 512})
    ->Args({1, 512})
    ->Args({0, 2048})
    ->Args({1, 2048})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace placer
