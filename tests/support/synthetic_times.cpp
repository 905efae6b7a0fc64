#include "tests/support/synthetic_times.h"

#include <algorithm>
#include <utility>

namespace placer::test {
namespace {

double count_of(const TensorSpec& tensor) {
  double count = 1;
  for (const std::int64_t size : tensor.shape) {
    count *= static_cast<double>(size);
  }
  return count;
}

// Multiply-adds count two.
double flops_of(const Graph& graph, const Node& node) {
  const auto input = [&](std::size_t i) -> const TensorSpec& {
    return graph.tensor(node.inputs[i]);
  };
  // Outputs times the weights that each one needs; the gradients cost the same.
  const auto convolution = [&](const TensorSpec& output, const TensorSpec& weight) {
    return 2 * count_of(output) * count_of(weight) / static_cast<double>(weight.shape[0]);
  };
  if (node.op == "aten.convolution") {
    return convolution(node.outputs[0], input(1));
  }
  if (node.op == "aten.convolution_backward") {
    return convolution(input(0), input(2));
  }
  if (node.op == "aten.mm" || node.op == "aten.addmm") {
    return 2 * count_of(node.outputs[0]) *
           static_cast<double>(input(node.op == "aten.mm" ? 0 : 1).shape[1]);
  }
  return 0;
}

}  // namespace

void add_synthetic_times(Workload& workload) {
  const Graph& graph = workload.graph;
  KindTimes times{"cpu-core", {}, {}};
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::kOp) {
      times.ops.emplace_back();
      continue;
    }
    double bytes = 0;
    for (const TensorSpec& output : node.outputs) {
      bytes += output.alias_of ? 0 : static_cast<double>(output.bytes.count);
    }
    const bool view = bytes == 0 && node.mutates.empty();
    for (const TensorRef input : node.inputs) {
      bytes += static_cast<double>(graph.tensor(input).bytes.count);
    }
    OpTime op;
    op.time = from_microseconds(view ? 1.5 : 3 + flops_of(graph, node) / 40e3 + bytes / 8e3);
    op.minimum = op.time;
    times.ops.emplace_back(op);
  }
  workload.times.set(std::move(times));
}

}  // namespace placer::test
