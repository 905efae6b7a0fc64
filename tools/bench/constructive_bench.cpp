// Constructive algorithms on a random graph, one core, CPU time, judging left out: what making one
// placement costs. per_op is the time per node.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "placer/algorithm/algorithm.h"
#include "placer/base/random.h"

namespace placer {
namespace {

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
      const std::size_t window = rng.below(10) < 8 ? std::min<std::size_t>(i, 50) : i;
      node.inputs.push_back({id_at<NodeId>(i - 1 - rng.below(window)), 0});
    }
    TensorSpec tensor;
    tensor.bytes = {static_cast<std::int64_t>(1 + rng.below(1 << 20))};
    node.outputs = {tensor};
    const SimTime time{static_cast<std::int64_t>(1 + rng.below(200'000'000))};
    times.ops.emplace_back(OpTime{.time = time, .minimum = time});
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  workload.times.set(std::move(times));
  return workload;
}

Cluster make_cluster(std::size_t count) {
  std::vector<Device> devices(count);
  Link link;
  link.name = "link";
  link.latency = {5'000'000};
  link.bytes_per_second = 12e9;
  for (std::size_t i = 0; i < count; ++i) {
    devices[i].name = "d" + std::to_string(i);
    devices[i].kind = "device";
    devices[i].memory = {std::int64_t{1} << 50};
    for (std::size_t j = 0; j < count; ++j) {
      if (i != j) {
        link.pairs.emplace_back(id_at<DeviceId>(i), id_at<DeviceId>(j));
      }
    }
  }
  return {"bench", std::move(devices), {std::move(link)}};
}

// Says yes at once.
class NoEvaluator : public Evaluator {
 public:
  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    for (std::size_t i = 0; i < placements.size(); ++i) {
      results[i] = {};
    }
  }
  [[nodiscard]] std::string name() const override { return "none"; }
};

void run(benchmark::State& state, const AlgorithmEntry& entry) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const Workload workload = make_workload(size);
  const Cluster cluster = make_cluster(static_cast<std::size_t>(state.range(1)));
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  NoEvaluator evaluator;
  for (auto _ : state) {
    benchmark::DoNotOptimize(entry.make()->run(
        {.costs = costs, .constraints = constraints, .evaluator = evaluator}, {}));
  }
  state.counters["per_op"] =
      benchmark::Counter(static_cast<double>(size), benchmark::Counter::kIsIterationInvariantRate |
                                                        benchmark::Counter::kInvert);
}

}  // namespace
}  // namespace placer

int main(int argc, char** argv) {
  placer::AlgorithmRegistry registry;
  placer::register_baselines(registry);
  for (const char* name : {"round-robin", "expert", "heft", "cpop", "peft", "m-topo", "m-etf",
                           "m-sct", "metis", "scotch"}) {
    benchmark::RegisterBenchmark(name, placer::run, registry.find(name))
        ->Args({10'000, 8})
        ->Args({100'000, 8})
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
