#include "policy/grouped_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "placer/base/error.h"
#include "policy/node_tables.h"

namespace placer::policy {
namespace {

// Large enough that bandwidth counts, small enough that latency does.
constexpr Bytes kProbe{1 << 20};

std::vector<std::uint32_t> leaders_of(const Constraints& constraints) {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> first(constraints.num_units, kNone);
  std::vector<std::uint32_t> result;
  for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
    std::uint32_t& of_unit = first[constraints.unit_of[v]];
    if (of_unit == kNone) of_unit = static_cast<std::uint32_t>(v);
    result.push_back(of_unit);
  }
  return result;
}

// Device by device, the others by the time of a transfer to them.
std::vector<std::vector<DeviceId>> nearest_devices(const CostModel& costs) {
  const std::size_t devices = costs.cluster().size();
  TensorSpec probe;
  probe.bytes = kProbe;
  std::vector<std::vector<DeviceId>> result(devices);
  for (std::size_t from = 0; from < devices; ++from) {
    for (std::size_t to = 0; to < devices; ++to) result[from].push_back(id_at<DeviceId>(to));
    const auto far = [&](DeviceId to) {
      return std::pair(index(to) != from, costs.transfer_time(probe, id_at<DeviceId>(from), to));
    };
    std::ranges::stable_sort(result[from], [&](DeviceId a, DeviceId b) { return far(a) < far(b); });
  }
  return result;
}

struct Run {
  double position = 0;  // mean of its nodes
  std::vector<std::size_t> nodes;
};

// Nodes of one device, cut into `count` runs as long as each other.
void add_runs(std::vector<std::size_t> nodes, std::size_t count, std::span<const double> positions,
              std::vector<Run>& runs) {
  std::ranges::stable_sort(nodes, {}, [&](std::size_t v) { return positions[v]; });
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = nodes.begin() + static_cast<std::ptrdiff_t>(i * nodes.size() / count);
    const auto last = nodes.begin() + static_cast<std::ptrdiff_t>((i + 1) * nodes.size() / count);
    Run run{.nodes = {first, last}};
    for (const std::size_t v : run.nodes) run.position += positions[v];
    run.position /= static_cast<double>(run.nodes.size());
    runs.push_back(std::move(run));
  }
}

}  // namespace

GroupedFeatures::GroupedFeatures(const Problem& problem, const FeatureOptions& options,
                                 std::size_t num_groups)
    : problem_(problem),
      num_groups_(num_groups),
      leader_(leaders_of(problem.constraints)),
      nearest_(nearest_devices(problem.costs)) {
  const Graph& graph = problem.costs.graph();
  PLACER_CHECK(graph.size() > 0 && graph.size() == leader_.size(), "constraints of another graph");
  TypeCounts known = count_types(problem, options.max_types);
  types_ = std::move(known.types);
  std::vector<Column> counts(types_.size(), Column(graph.size()));
  for (std::size_t i = 0; i < known.counts.size(); ++i) {
    counts[i % types_.size()][i / types_.size()] = known.counts[i];
  }
  add_columns(std::move(counts), type_counts_);
  add_columns(output_dimensions(graph, options.max_outputs, options.max_dims), shapes_);
  add_columns(times_by_kind(problem.costs), shares_);
  add_columns({memory_of_nodes(problem)}, shares_);
}

void GroupedFeatures::add_columns(std::vector<Column> columns, std::vector<Summed>& to) const {
  for (Column& column : columns) {
    const double total = std::accumulate(column.begin(), column.end(), 0.0);
    to.push_back({std::move(column), total});
  }
}

GroupedNodes GroupedFeatures::read(std::span<const std::int32_t> group_of) const {
  PLACER_CHECK(group_of.size() == num_nodes(), "a group for every node");
  constexpr std::size_t kNone = ~std::size_t{0};
  GroupedNodes result;
  std::vector<std::size_t> row_of(num_groups_, kNone);
  std::vector<std::size_t> row_of_node;
  for (const std::int32_t group : group_of) {
    PLACER_CHECK(group >= 0 && static_cast<std::size_t>(group) < num_groups_, "no such group");
    std::size_t& row = row_of[static_cast<std::size_t>(group)];
    if (row == kNone) {
      row = result.groups.size();
      result.groups.push_back(group);
    }
    row_of_node.push_back(row);
  }
  GroupFeatures& features = result.features;
  features.num_groups = result.groups.size();
  features.num_devices = problem_.costs.cluster().size();
  features.types = types_;
  fill_types(row_of_node, features);
  fill_numbers(group_of, row_of_node, features);
  fill_allowed(row_of_node, features);
  return result;
}

namespace {

std::vector<double> sums_of(std::span<const double> column, std::span<const std::size_t> row_of,
                            std::size_t rows) {
  std::vector<double> sums(rows, 0.0);
  for (std::size_t v = 0; v < column.size(); ++v) sums[row_of[v]] += column[v];
  return sums;
}

double log_share(double value, double total) {
  return total > 0 ? std::log1p(value) / std::log1p(total) : 0;
}

}  // namespace

void GroupedFeatures::fill_types(std::span<const std::size_t> row_of_node,
                                 GroupFeatures& features) const {
  features.type_counts.resize(features.num_groups * types_.size());
  for (std::size_t t = 0; t < types_.size(); ++t) {
    const auto sums = sums_of(type_counts_[t].of_node, row_of_node, features.num_groups);
    for (std::size_t row = 0; row < sums.size(); ++row) {
      features.type_counts[row * types_.size() + t] =
          static_cast<float>(log_share(sums[row], type_counts_[t].total));
    }
  }
}

void GroupedFeatures::fill_numbers(std::span<const std::int32_t> group_of,
                                   std::span<const std::size_t> row_of_node,
                                   GroupFeatures& features) const {
  const Graph& graph = problem_.costs.graph();
  const std::size_t rows = features.num_groups;
  features.width = shapes_.size() + shares_.size() + 1 + num_groups_;
  features.numbers.assign(rows * features.width, 0.0F);
  const auto set = [&](std::size_t row, std::size_t column, double value) {
    features.numbers[row * features.width + column] = static_cast<float>(value);
  };
  std::size_t column = 0;
  for (const Summed& shape : shapes_) {
    const auto sums = sums_of(shape.of_node, row_of_node, rows);
    for (std::size_t row = 0; row < rows; ++row)
      set(row, column, log_share(sums[row], shape.total));
    ++column;
  }
  for (const Summed& share : shares_) {
    const auto sums = sums_of(share.of_node, row_of_node, rows);
    for (std::size_t row = 0; row < rows && share.total > 0; ++row) {
      set(row, column, sums[row] / share.total);
    }
    ++column;
  }
  std::vector<double> nodes(rows, 0.0);
  std::vector<double> positions(rows, 0.0);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    nodes[row_of_node[v]] += 1;
    positions[row_of_node[v]] += static_cast<double>(v) / static_cast<double>(graph.size());
  }
  for (std::size_t row = 0; row < rows; ++row) set(row, column, positions[row] / nodes[row]);
  ++column;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      const auto reader = static_cast<std::size_t>(group_of[index(use.consumer)]);
      set(row_of_node[v], column + reader, 1);
    }
  }
}

void GroupedFeatures::fill_allowed(std::span<const std::size_t> row_of_node,
                                   GroupFeatures& features) const {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  std::vector<std::uint64_t> all(features.num_groups, kAll);   // may use it
  std::vector<std::uint64_t> some(features.num_groups, 0);     // one of them may
  std::vector<std::uint64_t> settled(features.num_groups, 0);  // has no other
  for (std::size_t v = 0; v < num_nodes(); ++v) {
    const std::uint64_t mask = problem_.constraints.allowed[v];
    const std::size_t row = row_of_node[v];
    if (std::has_single_bit(mask)) {
      settled[row] = mask;
      continue;
    }
    all[row] &= mask;
    some[row] |= mask;
  }
  for (std::size_t row = 0; row < features.num_groups; ++row) {
    const std::uint64_t wide = all[row] != 0 ? all[row] : some[row];
    features.allowed.push_back(some[row] != 0 ? wide : settled[row]);
  }
}

Placement GroupedFeatures::place(std::span<const std::int32_t> group_of,
                                 std::span<const std::int32_t> device_of) const {
  Placement placement;
  for (std::size_t v = 0; v < num_nodes(); ++v) {
    const std::size_t leader = leader_[v];
    const auto group = static_cast<std::size_t>(group_of[leader]);
    const std::vector<DeviceId>& nearest = nearest_[static_cast<std::size_t>(device_of[group])];
    const std::uint64_t mask = problem_.constraints.allowed[leader];
    placement.device.push_back(*std::ranges::find_if(
        nearest, [&](DeviceId device) { return (mask >> index(device) & 1) != 0; }));
  }
  return placement;
}

std::optional<std::vector<std::int32_t>> grouping_of(const GroupedFeatures& groups,
                                                     const Placement& placement,
                                                     std::span<const double> positions) {
  const std::span<const std::uint32_t> leader = groups.leaders();
  std::map<DeviceId, std::vector<std::size_t>> on;  // whom is asked
  std::size_t asked = 0;
  for (std::size_t v = 0; v < leader.size(); ++v) {
    if (leader[v] != v) continue;
    on[placement.device[v]].push_back(v);
    ++asked;
  }
  PLACER_CHECK(asked > 0, "the first node is asked");
  if (on.size() > groups.num_groups()) return std::nullopt;
  std::vector<Run> runs;
  for (auto& [device, nodes] : on) {
    const std::size_t share = 1 + (groups.num_groups() - on.size()) * nodes.size() / asked;
    const std::size_t count = std::min(share, nodes.size());
    add_runs(std::move(nodes), count, positions, runs);
  }
  std::ranges::stable_sort(runs, {}, &Run::position);
  std::vector<std::int32_t> group_of(leader.size());
  for (std::size_t r = 0; r < runs.size(); ++r) {
    for (const std::size_t v : runs[r].nodes) group_of[v] = static_cast<std::int32_t>(r);
  }
  for (std::size_t v = 0; v < leader.size(); ++v) group_of[v] = group_of[leader[v]];
  return group_of;
}

}  // namespace placer::policy
