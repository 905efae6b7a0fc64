#include "profiler/torch/sources.h"

#include <filesystem>

#include "placer/base/error.h"
#include "profiler/torch/seeded_values.h"
#include "profiler/torch/tensors.h"

namespace placer::profile {

Sources::Sources(const Graph& graph, const ExecutorOptions& options) : seed_(options.seed) {
  if (options.seeded_state) {
    return;
  }
  if (!options.weights.empty()) {
    file_ = options.weights;
    archive_ = open_weights(file_, "", graph.info().weights_model);
  } else if (!graph.info().weights.empty() && std::filesystem::exists(graph.info().weights)) {
    file_ = graph.info().weights;
    archive_ = open_weights(file_, graph.info().source_hash, graph.info().weights_model);
  }
}

at::Tensor Sources::first(const Node& node) const {
  const bool slot = node.kind == NodeKind::kState && node.state_role == StateRole::kOptimizer;
  if (!archive_ || node.kind == NodeKind::kInput || slot || !node.values.empty()) {
    return first_value(node, seed_);
  }
  const auto record = archive_->read(node.origin);
  if (!record) {
    throw Error(ErrorKind::kBadInput, file_, node.origin,
                "no such record, expected the values of \"" + node.name + "\"");
  }
  const TensorSpec& spec = node.outputs.front();
  if (record->dtype != spec.dtype || record->shape != spec.shape) {
    throw Error(ErrorKind::kBadInput, file_, node.origin,
                "its type or shape is not that of \"" + node.name + "\" in the graph");
  }
  return tensor_of(*record);
}

}  // namespace placer::profile
