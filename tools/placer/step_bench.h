#pragma once

// Real steps for the subcommands that measure: what profiler/ offers where this build has LibTorch,
// a clear error where not.

#include <memory>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/cluster/cluster.h"
#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/graph/graph.h"
#include "profiler/measuring_evaluator.h"

namespace placer::cli {

// Before anything else: sets what LibTorch's thread pools read at start-up (may run the program
// anew, once).
void prepare_process(char** argv);

// Learned algorithms where this build has them.
void register_learners(AlgorithmRegistry& registry);

// Runs steps of one graph on this machine.
class StepBench {
 public:
  virtual ~StepBench() = default;

  // Wall time of whole steps under placements of the graph; in a child process when isolated. The
  // bench outlives it.
  [[nodiscard]] virtual std::unique_ptr<Evaluator> evaluator(
      const profile::MeasureOptions& measure) = 0;
  // In this process.
  [[nodiscard]] virtual profile::Executor& executor() = 0;
  // The same graph with every op on all cores, as an ordinary program runs today; its only
  // placement is all_on(graph, 0).
  [[nodiscard]] virtual std::unique_ptr<Evaluator> all_cores(
      const profile::MeasureOptions& measure) = 0;
};

struct StepBenchOptions {
  profile::ExecutorOptions executor;
  // Of evaluators whose options do not say otherwise, all_cores() left out.
  profile::Capture capture = profile::Capture::kNever;
  // With both, evaluator() measures in a child process that reads these files.
  std::string isolated_graph_file;
  std::string isolated_cluster_file;
};

// Why no step can be run here: no LibTorch, a graph without arguments, a device that this machine
// does not have. Empty: it can.
[[nodiscard]] std::string cannot_measure(const Graph& graph, const Cluster& cluster);

// One line for every profile that was measured on another machine or with another LibTorch than
// this.
[[nodiscard]] std::vector<std::string> foreign_profiles(const OpTimes& times);

// `costs` outlives the result; its default priority is the executor's.
[[nodiscard]] std::unique_ptr<StepBench> open_bench(const CostModel& costs,
                                                    const StepBenchOptions& options);

}  // namespace placer::cli
