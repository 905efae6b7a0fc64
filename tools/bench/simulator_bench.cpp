// Evaluations of placements by the simulator: BM_Simulate on one core, in CPU time, so that other
// work on the machine disturbs little; BM_Batch on several.
//   mode 0 free        hand-off links: a transfer costs its latency, nothing is held; memory counted
//        1 contention  copying links: both ends are held, received copies take memory
//        2 ideal       copying links that nothing holds, no memory (--model ideal)
//        3 fixed       hand-off links, one global order, no memory
//        4 fixed       contended links, one global order, no memory
//   random 0  devices take equal runs of the order, one node in twenty elsewhere
//          1  every node anywhere
// items_per_second counts evaluations; per_item is the time per node and edge of one evaluation;
// events are the ends of ops and the transfers that one step has, on average; unchanged is the share
// of a step that is over before the move of one op can matter, on average.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "placer/base/random.h"
#include "simulator/simulator.h"

namespace placer::sim {
namespace {

constexpr std::size_t kDevices = 4;
constexpr std::size_t kPlacements = 64;  // in turn, so that no branch predictor learns one by heart

// About 1.9 edges per node, mostly to near successors: the density of the published group graphs.
Workload make_workload(std::size_t size) {
  Rng rng(size);
  std::vector<Node> nodes(size);
  KindTimes times;
  times.kind = "device";
  for (std::size_t i = 0; i < size; ++i) {
    Node& node = nodes[i];
    node.name = "n" + std::to_string(i);
    node.op = "bench.op";
    const std::size_t inputs = i == 0 ? 0 : 1 + (rng.below(10) < 9 ? 1 : 0);
    for (std::size_t k = 0; k < inputs; ++k) {
      const std::size_t window = rng.below(10) < 8 ? std::min<std::size_t>(i, 10) : i;
      node.inputs.push_back({id_at<NodeId>(i - 1 - rng.below(window)), 0});
    }
    TensorSpec tensor;
    tensor.bytes = {static_cast<std::int64_t>(1 + rng.below(1 << 20))};
    node.outputs = {tensor};
    node.workspace = {static_cast<std::int64_t>(rng.below(1 << 16))};
    const SimTime time{static_cast<std::int64_t>(1 + rng.below(200'000'000))};
    times.ops.emplace_back(OpTime{.time = time, .minimum = time});
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  workload.times.set(std::move(times));
  return workload;
}

Cluster make_cluster(bool contention) {
  std::vector<Device> devices(kDevices);
  std::vector<Link> links;
  for (std::size_t i = 0; i < kDevices; ++i) {
    devices[i].name = "d" + std::to_string(i);
    devices[i].kind = "device";
    devices[i].memory = {std::int64_t{1} << 50};
    for (std::size_t j = 0; j < kDevices; ++j) {
      if (i == j) continue;
      Link link;
      link.name = devices[i].name + "->" + std::to_string(j);
      link.pairs = {{id_at<DeviceId>(i), id_at<DeviceId>(j)}};
      link.latency = {20'000'000};
      if (contention) link.bytes_per_second = 12e9;
      links.push_back(std::move(link));
    }
  }
  return {"bench", std::move(devices), std::move(links)};
}

std::vector<Placement> make_placements(std::size_t size, bool random) {
  Rng rng(7);
  std::vector<Placement> placements(kPlacements);
  for (Placement& placement : placements) {
    const std::size_t shift = rng.below(size);
    for (std::size_t i = 0; i < size; ++i) {
      const bool anywhere = random || rng.below(20) == 0;
      const std::size_t run = (i + shift) % size * kDevices / size;
      placement.device.push_back(id_at<DeviceId>(anywhere ? rng.below(kDevices) : run));
    }
  }
  return placements;
}

struct Mode {
  bool copies;
  Model model;
};

Mode mode_numbered(std::int64_t number) {
  Mode mode{number == 1 || number == 2 || number == 4, {}};
  if (number == 2) mode.model = *model_named("ideal");
  if (number >= 3) {
    mode.model.order = Order::kFixed;
    mode.model.memory = false;
  }
  return mode;
}

double mean_events(Simulator& simulator, const std::vector<Placement>& placements) {
  std::size_t events = 0;
  constexpr std::size_t kSample = 4;
  for (std::size_t i = 0; i < kSample; ++i) {
    const Timeline step = simulator.timeline(placements[i]);
    events += step.ops.size() + step.transfers.size();
  }
  return static_cast<double>(events) / kSample;
}

// The share of ops that end before anything can change when one op moves, on average over all
// moves: its producers send elsewhere when the first of them has ended. What snapshots could save.
double mean_unchanged(Simulator& simulator, const Graph& graph, const Placement& placement) {
  const Timeline step = simulator.timeline(placement);
  std::vector<SimTime> end(graph.size());
  std::vector<SimTime> sorted;
  for (const OpRecord& op : step.ops) {
    end[index(op.node)] = op.end;
    sorted.push_back(op.end);
  }
  std::ranges::sort(sorted);
  double unchanged = 0;
  for (const Node& node : graph.nodes()) {
    if (node.inputs.empty()) continue;
    SimTime first = step.step_time;
    for (const TensorRef input : node.inputs) first = std::min(first, end[index(input.node)]);
    unchanged += static_cast<double>(std::ranges::lower_bound(sorted, first) - sorted.begin());
  }
  return unchanged / static_cast<double>(graph.size() * graph.size());
}

void BM_Simulate(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Mode mode = mode_numbered(state.range(1));
  const Workload workload = make_workload(size);
  const Cluster cluster = make_cluster(mode.copies);
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {.model = mode.model});
  const std::vector<Placement> placements = make_placements(size, state.range(2) != 0);
  std::vector<Outcome> results(1);
  std::size_t next = 0;
  for (auto _ : state) {
    simulator->evaluate({&placements[next], 1}, results);
    benchmark::DoNotOptimize(results[0].step_time);
    next = (next + 1) % kPlacements;
  }
  std::size_t edges = 0;
  for (const Node& node : workload.graph.nodes()) edges += node.inputs.size();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["per_item"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(size + edges),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["events"] = mean_events(*simulator, placements);
  state.counters["unchanged"] = mean_unchanged(*simulator, workload.graph, placements[0]);
}
BENCHMARK(BM_Simulate)
    ->ArgNames({"nodes", "mode", "random"})
    ->ArgsProduct({{100, 1000, 10000, 100000, 200000}, {0, 1, 2, 3, 4}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

// All placements as one batch on several threads, with contention; wall time.
void BM_Batch(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Workload workload = make_workload(size);
  const Cluster cluster = make_cluster(true);
  const CostModel costs(workload, cluster);
  const auto simulator = make_simulator(costs, {.threads = static_cast<int>(state.range(1))});
  const std::vector<Placement> placements = make_placements(size, true);
  std::vector<Outcome> results(kPlacements);
  for (auto _ : state) {
    simulator->evaluate(placements, results);
    benchmark::DoNotOptimize(results[0].step_time);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kPlacements));
}
BENCHMARK(BM_Batch)
    ->ArgNames({"nodes", "threads"})
    ->ArgsProduct({{100, 1000, 10000, 100000}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace placer::sim
