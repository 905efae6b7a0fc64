// Single-node moves a second of the incremental objectives on public workloads.

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "placer/base/files.h"
#include "placer/base/random.h"
#include "placer/evaluate/incremental.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "simulator/objective.h"

namespace placer::sim {
namespace {

// Moves of random units to random devices, each judged.
void moves(benchmark::State& state, const std::string& objective, const std::string& workload) {
  const std::string file =
      std::string(PLACER_SOURCE_ROOT) + "/configs/workloads/dnn-partitioning/" + workload;
  const ImportedWorkload given = import_dnn_partitioning(read_file(file), file);
  const CostModel costs(given.workload, given.cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  const auto evaluator = make_objective(objective, costs, constraints, {});
  const auto incremental = evaluator->incremental(constraints);
  Rng rng(1);
  std::vector<DeviceId> choice(constraints.num_units);
  for (DeviceId& device : choice) {
    device = id_at<DeviceId>(rng.below(given.cluster.size()));
  }
  incremental->load(choice);
  for (auto _ : state) {
    const auto unit = static_cast<std::uint32_t>(rng.below(constraints.num_units));
    const auto to = id_at<DeviceId>(rng.below(given.cluster.size()));
    benchmark::DoNotOptimize(incremental->move(unit, to));
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(moves, max_load_op_bert, "max-load", "throughput/op_bert_l-3_inference.json");
BENCHMARK_CAPTURE(moves, max_load_op_resnet50, "max-load", "throughput/op_resnet50_inference.json");
BENCHMARK_CAPTURE(moves, latency_op_bert, "latency", "latency/op_bert_l-3_inference.json");

}  // namespace
}  // namespace placer::sim
