#include "policy/features.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "placer/base/error.h"
#include "policy/node_tables.h"

namespace placer::policy {
namespace {

void fill_types(const Problem& problem, const FeatureOptions& options, GroupFeatures& features) {
  TypeCounts known = count_types(problem, options.max_types);
  features.types = std::move(known.types);
  features.type_counts = std::move(known.counts);
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
  for (Column& shape : output_dimensions(graph, options.max_outputs, options.max_dims)) {
    columns.add() = std::move(shape);
  }
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
  std::vector<double> bytes = memory_of_nodes(problem);
  const double total = std::accumulate(bytes.begin(), bytes.end(), 0.0);
  columns.add() = bytes;
  columns.scale_log(1);
  for (double& value : bytes) value = total > 0 ? value / total : 0;
  columns.add() = std::move(bytes);
}

void add_times(const CostModel& costs, Columns& columns) {
  for (Column& times : times_by_kind(costs)) {
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
