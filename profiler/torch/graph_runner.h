#pragma once

// Runs a graph's ops in order on the calling thread, and tells an observer about each: the
// profiler's way through a step.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/stack.h>

#include "placer/graph/graph.h"
#include "profiler/torch/op_binding.h"

namespace placer::profile {

class GraphRunner {
 public:
  // Before an op runs: its inputs. After: what it took. Members may be empty.
  struct Observer {
    std::function<void(NodeId, std::span<const at::Tensor* const>)> before = nullptr;
    std::function<void(NodeId, double thread_seconds, double wall_seconds)> after = nullptr;
    // Runs the op, once or again and again, by calling what it is given; else it is run once.
    std::function<void(NodeId, const std::function<void()>& run)> around = nullptr;
  };

  // Binds the ops to a device and makes the sources' first values there. Throws Error(kUsage) as
  // bind_ops does.
  GraphRunner(const Graph& graph, std::uint64_t seed, at::Device device = at::kCPU);

  // One step; tensors are released after their last reader. Throws Error(kUsage) with the node's
  // name when an op fails.
  void step(const Observer& observer);

 private:
  void run_op(NodeId id, const Observer& observer);

  const Graph& graph_;
  std::uint64_t seed_;
  std::uint64_t steps_ = 0;
  std::vector<std::optional<BoundOp>> ops_;  // [nodes]
  std::vector<at::Tensor> values_;           // [tensors]
  // [nodes]: tensors that nobody reads after it.
  std::vector<std::vector<std::size_t>> last_read_by_;
  std::vector<const at::Tensor*> inputs_;  // scratch
  torch::jit::Stack stack_;                // scratch
};

}  // namespace placer::profile
