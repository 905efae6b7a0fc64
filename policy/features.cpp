#include "policy/features.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "placer/base/error.h"

namespace placer::policy {
namespace {

std::string type_of(const Node& node) {
  return node.kind == NodeKind::kOp ? node.op : std::string(name_of(node.kind));
}

Bytes memory_of(const Node& node) {
  Bytes total = node.workspace;
  for (const TensorSpec& output : node.outputs) {
    if (!output.alias_of) total += output.bytes;
  }
  return total;
}

// Calls visit(group, node) for every node inside every group.
template <typename Visit>
void for_each_member(const Problem& problem, const Visit& visit) {
  if (problem.fine_graph != nullptr && problem.grouping != nullptr) {
    for (std::size_t v = 0; v < problem.fine_graph->size(); ++v) {
      visit(index(problem.grouping->group_of[v]), problem.fine_graph->nodes()[v]);
    }
  } else {
    const Graph& graph = problem.costs.graph();
    for (std::size_t v = 0; v < graph.size(); ++v) visit(v, graph.nodes()[v]);
  }
}

// Type names by falling count, then name; the tail beyond `limit` becomes "other".
std::map<std::string, std::size_t> build_vocabulary(const Problem& problem, std::size_t limit,
                                                    std::vector<std::string>& types) {
  std::map<std::string, std::size_t> counts;
  for_each_member(problem, [&](std::size_t, const Node& node) { ++counts[type_of(node)]; });
  for (const auto& [name, count] : counts) types.push_back(name);
  std::stable_sort(types.begin(), types.end(), [&](const std::string& a, const std::string& b) {
    return counts.at(a) > counts.at(b);
  });
  std::map<std::string, std::size_t> column;
  const bool cut = types.size() > limit;
  for (std::size_t i = 0; i < types.size(); ++i)
    column[types[i]] = cut ? std::min(i, limit - 1) : i;
  if (cut) {
    types.resize(limit);
    types.back() = "other";
  }
  return column;
}

void fill_types(const Problem& problem, const FeatureOptions& options, GroupFeatures& features) {
  const auto column = build_vocabulary(problem, options.max_types, features.types);
  const std::size_t width = features.types.size();
  features.type_counts.assign(features.num_groups * width, 0.0F);
  for_each_member(problem, [&](std::size_t group, const Node& node) {
    features.type_counts[group * width + column.at(type_of(node))] += 1.0F;
  });
  float largest = 1;
  for (const float count : features.type_counts) largest = std::max(largest, count);
  for (float& count : features.type_counts) count = std::log1p(count) / std::log1p(largest);
}

// Columns of doubles that become scaled floats.
class Columns {
 public:
  explicit Columns(std::size_t rows) : rows_(rows) {}

  // A new column of zeros; the reference is valid until the next call.
  std::vector<double>& add() { return columns_.emplace_back(rows_, 0.0); }
  // The last `count` columns become log(1 + x), divided by the largest of them all.
  void scale_log(std::size_t count) {
    for_last(count, [](double& value) { value = std::log1p(value); });
    scale_max(count);
  }
  // The last `count` columns divided by the largest of them all.
  void scale_max(std::size_t count) {
    double largest = 0;
    for_last(count, [&](double& value) { largest = std::max(largest, value); });
    if (largest > 0) for_last(count, [&](double& value) { value /= largest; });
  }
  [[nodiscard]] std::size_t width() const { return columns_.size(); }
  [[nodiscard]] std::vector<float> row_major() const {
    std::vector<float> result(rows_ * columns_.size());
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      for (std::size_t r = 0; r < rows_; ++r) {
        result[r * columns_.size() + c] = static_cast<float>(columns_[c][r]);
      }
    }
    return result;
  }

 private:
  template <typename Function>
  void for_last(std::size_t count, const Function& function) {
    for (std::size_t c = columns_.size() - count; c < columns_.size(); ++c) {
      for (double& value : columns_[c]) function(value);
    }
  }

  std::size_t rows_;
  std::vector<std::vector<double>> columns_;
};

void add_shapes(const Graph& graph, const FeatureOptions& options, Columns& columns) {
  const std::size_t first = columns.width();
  std::vector<std::vector<double>> shapes(options.max_outputs * options.max_dims,
                                          std::vector<double>(graph.size(), 0.0));
  for (std::size_t v = 0; v < graph.size(); ++v) {
    std::vector<const TensorSpec*> outputs;
    for (const TensorSpec& output : graph.nodes()[v].outputs) outputs.push_back(&output);
    std::stable_sort(outputs.begin(), outputs.end(),
                     [](const TensorSpec* a, const TensorSpec* b) { return a->bytes > b->bytes; });
    for (std::size_t o = 0; o < std::min(outputs.size(), options.max_outputs); ++o) {
      const auto& shape = outputs[o]->shape;
      const std::size_t dims = std::min(shape.size(), options.max_dims);
      for (std::size_t i = 0; i < dims; ++i) {
        shapes[o * options.max_dims + i][v] = static_cast<double>(shape[shape.size() - dims + i]);
      }
    }
  }
  for (auto& shape : shapes) columns.add() = std::move(shape);
  columns.scale_log(columns.width() - first);
}

void add_bytes(const Graph& graph, Columns& columns) {
  std::vector<double> out(graph.size(), 0.0);
  std::vector<double> in(graph.size(), 0.0);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    std::vector<bool> counted(graph.nodes()[v].outputs.size(), false);
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      if (use.output == Use::kControl) continue;
      const auto bytes = static_cast<double>(graph.nodes()[v].outputs[use.output].bytes.count);
      in[index(use.consumer)] += bytes;
      if (!counted[use.output]) out[v] += bytes;
      counted[use.output] = true;
    }
  }
  columns.add() = std::move(out);
  columns.scale_log(1);
  columns.add() = std::move(in);
  columns.scale_log(1);
}

void add_memory(const Problem& problem, Columns& columns) {
  std::vector<double> bytes(problem.costs.graph().size(), 0.0);
  for_each_member(problem, [&](std::size_t group, const Node& node) {
    bytes[group] += static_cast<double>(memory_of(node).count);
  });
  const double total = std::accumulate(bytes.begin(), bytes.end(), 0.0);
  columns.add() = bytes;
  columns.scale_log(1);
  for (double& value : bytes) value = total > 0 ? value / total : 0;
  columns.add() = std::move(bytes);
}

void add_times(const CostModel& costs, Columns& columns) {
  const Cluster& cluster = costs.cluster();
  for (const std::string& kind : cluster.kinds()) {
    std::vector<double> times(costs.graph().size(), 0.0);
    for (std::size_t v = 0; v < times.size(); ++v) {
      for (std::size_t d = 0; d < cluster.size(); ++d) {
        const bool supported = (costs.supported(id_at<NodeId>(v)) >> d & 1) != 0;
        if (supported && cluster.devices()[d].kind == kind) {
          times[v] = costs.op_time(id_at<NodeId>(v), id_at<DeviceId>(d)).microseconds();
          break;
        }
      }
    }
    columns.add() = times;
    columns.scale_log(1);
    columns.add() = std::move(times);
    columns.scale_max(1);
  }
}

void add_position(const CostModel& costs, Columns& columns) {
  const Graph& graph = costs.graph();
  const std::size_t size = graph.size();
  std::vector<double> before(size, 0.0);  // longest time that ends when the group starts
  std::vector<double> after(size, 0.0);   // longest time from its start on
  std::vector<double> own(size);
  for (std::size_t v = 0; v < size; ++v) own[v] = costs.mean_time(id_at<NodeId>(v)).microseconds();
  for (std::size_t v = 0; v < size; ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      double& later = before[index(use.consumer)];
      later = std::max(later, before[v] + own[v]);
    }
  }
  for (std::size_t v = size; v-- > 0;) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      after[v] = std::max(after[v], after[index(use.consumer)]);
    }
    after[v] += own[v];
  }
  auto& position = columns.add();
  for (std::size_t v = 0; v < size; ++v) {
    position[v] = static_cast<double>(v) / static_cast<double>(size);
  }
  columns.add() = std::move(before);
  columns.add() = std::move(after);
  columns.scale_max(2);
}

void add_adjacency(const Graph& graph, const FeatureOptions& options, Columns& columns) {
  const std::size_t slots = std::min(graph.size(), options.max_slots);
  std::vector<std::vector<double>> reads(slots, std::vector<double>(graph.size(), 0.0));
  std::vector<std::vector<double>> readers(reads);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      reads[v % slots][index(use.consumer)] = 1;
      readers[index(use.consumer) % slots][v] = 1;
    }
  }
  for (auto& column : reads) columns.add() = std::move(column);
  for (auto& column : readers) columns.add() = std::move(column);
}

}  // namespace

GroupFeatures make_features(const Problem& problem, const FeatureOptions& options) {
  const Graph& graph = problem.costs.graph();
  PLACER_CHECK(graph.size() > 0, "a graph without groups cannot be placed");
  PLACER_CHECK(problem.constraints.allowed.size() == graph.size(), "constraints of another graph");
  GroupFeatures features;
  features.num_groups = graph.size();
  features.num_devices = problem.costs.cluster().size();
  features.allowed = problem.constraints.allowed;
  fill_types(problem, options, features);
  Columns columns(graph.size());
  add_shapes(graph, options, columns);
  add_bytes(graph, columns);
  add_memory(problem, columns);
  add_times(problem.costs, columns);
  add_position(problem.costs, columns);
  add_adjacency(graph, options, columns);
  features.width = columns.width();
  features.numbers = columns.row_major();
  return features;
}

}  // namespace placer::policy
