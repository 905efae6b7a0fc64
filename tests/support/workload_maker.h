#pragma once

// Small workloads by hand, in a few lines each.

#include <cstdint>
#include <string>
#include <vector>

#include "placer/cluster/cluster.h"
#include "placer/cost/op_times.h"

namespace placer::test {

// `devices` devices "cpu:0", ... of kind "cpu-core" that share memory: a hand-off takes
// `latency_us`.
[[nodiscard]] Cluster cpu_cores(std::size_t devices, double latency_us = 20,
                                Bytes memory = Bytes{std::int64_t{8} << 30});

// Nodes are added in topological order.
class WorkloadMaker {
 public:
  explicit WorkloadMaker(std::string kind = "cpu-core") : kind_(std::move(kind)) {}

  struct OpSpec {
    std::vector<TensorRef> inputs = {};
    double time_us = 1;
    std::vector<std::int64_t> output_bytes = {4};
    Pass pass = Pass::kForward;
    std::string module = {};
    std::string colocate = {};
    std::vector<std::uint32_t> mutates = {};  // its first output then is the first of these inputs
    bool view = false;                        // its output shares the storage of its first input
    std::int64_t workspace = 0;
  };
  TensorRef input(const std::string& name, std::int64_t bytes);
  TensorRef state(const std::string& name, std::int64_t bytes,
                  StateRole role = StateRole::kParameter, const std::string& module = "");
  TensorRef op(const std::string& name, OpSpec spec);
  void output(const std::string& name, TensorRef value, OutputRole role = OutputRole::kResult,
              TensorRef target = {});

  [[nodiscard]] Workload finish();

 private:
  std::string kind_;
  std::vector<Node> nodes_;
  std::vector<double> times_us_;
};

// A training step of `layers` layers "layer0", ...: forward 2 units of time, input gradient 2,
// weight gradient 2, in-place update 0.1 (unit: 1000 us). The first layer has no input gradient.
// Weights have `weight_bytes`, activations a tenth.
[[nodiscard]] Workload training_chain(std::size_t layers, std::int64_t weight_bytes = 1 << 20);

}  // namespace placer::test
