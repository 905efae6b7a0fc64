#include <fmt/format.h>

#include "placer/base/error.h"
#include "policy/register.h"
#include "profiler/devices.h"
#include "profiler/openmp_environment.h"
#include "profiler/worker.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {
namespace {

class TorchStepBench : public StepBench {
 public:
  TorchStepBench(const CostModel& costs, StepBenchOptions options)
      : costs_(costs), options_(std::move(options)) {
    options_.executor.priority = default_priority(costs);
  }

  std::unique_ptr<Evaluator> evaluator(const profile::MeasureOptions& given) override {
    profile::MeasureOptions measure = given;
    if (measure.capture == profile::Capture::kNever) {
      measure.capture = options_.capture;
    }
    return options_.isolated_graph_file.empty()
               ? profile::make_measuring_evaluator(executor(), measure)
               : make_isolated(measure);
  }

  profile::Executor& executor() override {
    if (!executor_) {
      executor_ = profile::make_executor(costs_.graph(), costs_.cluster(), options_.executor);
    }
    return *executor_;
  }

  std::unique_ptr<Evaluator> all_cores(const profile::MeasureOptions& measure) override {
    if (!all_cores_) {
      profile::ExecutorOptions options = options_.executor;
      options.priority.clear();
      options.memory_limit.clear();
      // What is free now, beside the executor of the placements.
      all_cores_cluster_ = profile::all_cores(profile::machine_facts());
      all_cores_ = profile::make_executor(costs_.graph(), *all_cores_cluster_, options);
    }
    return profile::make_measuring_evaluator(*all_cores_, measure);
  }

 private:
  std::unique_ptr<Evaluator> make_isolated(const profile::MeasureOptions& measure) {
    profile::WorkerOptions worker;
    worker.command = {"/proc/self/exe", "worker"};
    worker.graph_file = options_.isolated_graph_file;
    worker.cluster_file = options_.isolated_cluster_file;
    worker.executor = options_.executor;
    worker.measure = measure;
    return profile::make_worker_evaluator(costs_.graph(), costs_.cluster(), worker);
  }

  const CostModel& costs_;
  StepBenchOptions options_;
  std::optional<Cluster> all_cores_cluster_;
  std::unique_ptr<profile::Executor> executor_;
  std::unique_ptr<profile::Executor> all_cores_;
};

}  // namespace

void prepare_process(char** argv) {
  profile::ensure_openmp_environment(argv);
}

void register_learners(AlgorithmRegistry& registry) {
  policy::register_policies(registry);
}

std::string cannot_measure(const Graph& graph, const Cluster& cluster) {
  for (const Device& device : cluster.devices()) {
    if (std::string reason = profile::cannot_run_on(device); !reason.empty()) {
      return reason;
    }
  }
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::kOp && !node.inputs.empty() && node.arguments.empty()) {
      return fmt::format("op \"{}\" has no arguments in the graph, so it cannot be executed",
                         node.name);
    }
  }
  return "";
}

std::vector<std::string> foreign_profiles(const OpTimes& times) {
  const profile::MachineFacts facts = profile::machine_facts();
  std::vector<std::string> lines;
  for (const KindTimes& kind : times.kinds()) {
    const ProfileInfo& info = kind.info;
    const bool measured = info.repeats > 0 && kind.kind.starts_with("cpu");
    const bool here = info.machine == profile::machine_name(facts) && info.library == facts.library;
    if (measured && !here) {
      lines.push_back(fmt::format(
          "op times of {} are from another machine or library ({}; {}): run placer profile here",
          kind.kind, info.machine, info.library));
    }
  }
  return lines;
}

std::unique_ptr<StepBench> open_bench(const CostModel& costs, const StepBenchOptions& options) {
  return std::make_unique<TorchStepBench>(costs, options);
}

}  // namespace placer::cli
