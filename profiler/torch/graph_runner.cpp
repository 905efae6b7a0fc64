#include "profiler/torch/graph_runner.h"

#include "placer/base/error.h"
#include "profiler/clocks.h"
#include "profiler/torch/seeded_values.h"

namespace placer::profile {
namespace {

bool is_source(const Node& node) {
  return node.kind != NodeKind::kOp && node.kind != NodeKind::kOutput;
}

}  // namespace

GraphRunner::GraphRunner(const Graph& graph, std::uint64_t seed, at::Device device)
    : graph_(graph),
      seed_(seed),
      ops_(bind_ops(graph)),
      values_(graph.num_tensors()),
      last_read_by_(graph.size()) {
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const NodeId id = id_at<NodeId>(i);
    const Node& node = graph.node(id);
    if (is_source(node)) {
      values_[graph.tensor_index({id, 0})] = first_value(node, seed).to(device);
      continue;
    }
    if (ops_[i]) {
      ops_[i]->place_on(device);
    }
    for (std::uint32_t k = 0; k < node.outputs.size(); ++k) {
      NodeId last = id;
      for (const Use& use : graph.uses(id)) {
        if (use.output == k) {
          last = std::max(last, use.consumer);
        }
      }
      last_read_by_[index(last)].push_back(graph.tensor_index({id, k}));
    }
  }
}

void GraphRunner::step(const Observer& observer) {
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    const NodeId id = id_at<NodeId>(i);
    if (graph_.node(id).kind == NodeKind::kOp) {
      run_op(id, observer);
    }
    for (const std::size_t tensor : last_read_by_[i]) {
      values_[tensor].reset();
    }
  }
  ++steps_;
}

void GraphRunner::run_op(NodeId id, const Observer& observer) {
  const Node& node = graph_.node(id);
  inputs_.clear();
  for (const TensorRef ref : node.inputs) {
    inputs_.push_back(&values_[graph_.tensor_index(ref)]);
  }
  if (observer.before) {
    observer.before(id, inputs_);
  }
  BoundOp& op = *ops_[index(id)];
  const std::span<at::Tensor> outputs(values_.data() + graph_.tensor_index({id, 0}),
                                      node.outputs.size());
  const auto run = [&] {
    if (op.random()) {
      op.run_seeded(random_op_seed(seed_, node.name, steps_), inputs_, outputs, stack_);
    } else {
      op.run(inputs_, outputs, stack_);
    }
  };
  const double wall = wall_seconds();
  const double thread = thread_seconds();
  try {
    if (observer.around) {
      observer.around(id, run);
    } else {
      run();
    }
  } catch (const std::exception& error) {
    const std::string text = error.what();
    throw usage_error("op \"" + node.name + "\" (" + node.op +
                      ") fails: " + text.substr(0, text.find('\n')));
  }
  const double thread_end = thread_seconds();
  if (observer.after) {
    observer.after(id, thread_end - thread, wall_seconds() - wall);
  }
}

}  // namespace placer::profile
