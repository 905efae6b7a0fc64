#include "policy/node_tables.h"

#include <algorithm>
#include <map>

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

}  // namespace

TypeCounts count_types(const Problem& problem, std::size_t limit) {
  TypeCounts result;
  const auto column = build_vocabulary(problem, limit, result.types);
  const std::size_t width = result.types.size();
  result.counts.assign(problem.costs.graph().size() * width, 0.0F);
  for_each_member(problem, [&](std::size_t node, const Node& member) {
    result.counts[node * width + column.at(type_of(member))] += 1.0F;
  });
  return result;
}

Column memory_of_nodes(const Problem& problem) {
  Column bytes(problem.costs.graph().size(), 0.0);
  for_each_member(problem, [&](std::size_t node, const Node& member) {
    bytes[node] += static_cast<double>(memory_of(member).count);
  });
  return bytes;
}

std::vector<Column> output_dimensions(const Graph& graph, std::size_t max_outputs,
                                      std::size_t max_dims) {
  std::vector<Column> columns(max_outputs * max_dims, Column(graph.size(), 0.0));
  for (std::size_t v = 0; v < graph.size(); ++v) {
    std::vector<const TensorSpec*> outputs;
    for (const TensorSpec& output : graph.nodes()[v].outputs) outputs.push_back(&output);
    std::stable_sort(outputs.begin(), outputs.end(),
                     [](const TensorSpec* a, const TensorSpec* b) { return a->bytes > b->bytes; });
    for (std::size_t o = 0; o < std::min(outputs.size(), max_outputs); ++o) {
      const auto& shape = outputs[o]->shape;
      const std::size_t dims = std::min(shape.size(), max_dims);
      for (std::size_t i = 0; i < dims; ++i) {
        columns[o * max_dims + i][v] = static_cast<double>(shape[shape.size() - dims + i]);
      }
    }
  }
  return columns;
}

std::vector<Column> times_by_kind(const CostModel& costs) {
  const Cluster& cluster = costs.cluster();
  std::vector<Column> columns;
  for (const std::string& kind : cluster.kinds()) {
    Column& times = columns.emplace_back(costs.graph().size(), 0.0);
    for (std::size_t v = 0; v < times.size(); ++v) {
      for (std::size_t d = 0; d < cluster.size(); ++d) {
        const bool supported = (costs.supported(id_at<NodeId>(v)) >> d & 1) != 0;
        if (supported && cluster.devices()[d].kind == kind) {
          times[v] = costs.op_time(id_at<NodeId>(v), id_at<DeviceId>(d)).microseconds();
          break;
        }
      }
    }
  }
  return columns;
}

}  // namespace placer::policy
