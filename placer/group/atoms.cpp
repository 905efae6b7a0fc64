#include "placer/group/atoms.h"

#include <algorithm>
#include <map>

#include "placer/base/error.h"
#include "placer/base/min_heap.h"
#include "placer/group/grouping.h"

namespace placer {
namespace {

using Edges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

// Edges of `parts`, without those inside one; sorted, each once.
Edges edges_between(const Graph& graph, const std::vector<bool>& settled,
                    const std::vector<std::uint32_t>& part_of) {
  Edges edges;
  for_each_ordering_edge(graph, settled, [&](NodeId from, const Use& use) {
    const std::uint32_t a = part_of[index(from)];
    const std::uint32_t b = part_of[index(use.consumer)];
    if (a != b) {
      edges.emplace_back(a, b);
    }
  });
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

std::vector<std::vector<std::uint32_t>> successor_lists(std::size_t size, const Edges& edges) {
  std::vector<std::vector<std::uint32_t>> successors(size);
  for (const auto& [from, to] : edges) {
    successors[from].push_back(to);
  }
  return successors;
}

// Parts in topological order, the lowest number first among those that are ready; shorter than
// `size` when there are cycles.
std::vector<std::uint32_t> order_parts(std::size_t size, const Edges& edges) {
  const auto successors = successor_lists(size, edges);
  std::vector<std::uint32_t> waiting(size, 0);
  for (const auto& edge : edges) {
    ++waiting[edge.second];
  }
  MinHeap<std::uint32_t> ready;
  for (std::uint32_t x = 0; x < size; ++x) {
    if (waiting[x] == 0) {
      ready.push(x);
    }
  }
  std::vector<std::uint32_t> order;
  while (!ready.empty()) {
    order.push_back(take_least(ready));
    for (const std::uint32_t next : successors[order.back()]) {
      if (--waiting[next] == 0) {
        ready.push(next);
      }
    }
  }
  return order;
}

// Units that are on a cycle of units, or between two cycles.
std::vector<bool> cyclic_units(std::size_t num_units, const Edges& edges) {
  std::vector<bool> cyclic(num_units, true);
  Edges reversed;
  for (const auto& [from, to] : edges) {
    reversed.emplace_back(to, from);
  }
  for (const Edges* direction : {&edges, static_cast<const Edges*>(&reversed)}) {
    for (const std::uint32_t unit : order_parts(num_units, *direction)) {
      cyclic[unit] = false;
    }
  }
  return cyclic;
}

// How often the longest way to a node changes units, [graph.size()].
std::vector<std::uint32_t> unit_changes(const Graph& graph, const std::vector<bool>& settled,
                                        const std::vector<std::uint32_t>& unit_of) {
  std::vector<std::uint32_t> changes(graph.size(), 0);
  for_each_ordering_edge(graph, settled, [&](NodeId from, const Use& use) {
    const std::size_t to = index(use.consumer);
    const std::uint32_t here = changes[index(from)] + (unit_of[index(from)] != unit_of[to] ? 1 : 0);
    changes[to] = std::max(changes[to], here);
  });
  return changes;
}

}  // namespace

std::vector<bool> settled_nodes(const Graph& graph) {
  std::vector<bool> settled(graph.size(), false);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    const auto is_settled = [&](NodeId id) { return settled[index(id)]; };
    if (node.kind == NodeKind::kOp) {
      const auto controls = graph.controls(id_at<NodeId>(v));
      settled[v] =
          !node.outputs.empty() && node.mutates.empty() &&
          std::all_of(node.outputs.begin(), node.outputs.end(),
                      [](const TensorSpec& output) { return output.alias_of.has_value(); }) &&
          std::all_of(node.inputs.begin(), node.inputs.end(),
                      [&](TensorRef input) { return is_settled(input.node); }) &&
          std::all_of(controls.begin(), controls.end(), is_settled);
    } else {
      settled[v] = node.kind != NodeKind::kOutput;
    }
  }
  return settled;
}

namespace {

// Parts of units, numbered by their first op.
struct Parts {
  std::vector<std::uint32_t> part_of;  // [graph.size()], kNone for nodes of passive units
  std::vector<std::uint32_t> unit_of;  // [parts]
};

Parts divide_units(const Graph& graph, const Constraints& constraints,
                   const std::vector<bool>& settled) {
  const auto& unit_of = constraints.unit_of;
  const std::vector<bool> cyclic =
      cyclic_units(constraints.num_units, edges_between(graph, settled, unit_of));
  const std::vector<std::uint32_t> changes = unit_changes(graph, settled, unit_of);
  const auto is_active = [&](std::size_t v) {
    return graph.nodes()[v].kind == NodeKind::kOp && !settled[v];
  };
  Parts parts;
  parts.part_of.assign(graph.size(), Atoms::kNone);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> number;
  std::vector<std::uint32_t> first_part(constraints.num_units, Atoms::kNone);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (!is_active(v)) {
      continue;
    }
    const std::uint32_t unit = unit_of[v];
    const auto next = static_cast<std::uint32_t>(number.size());
    const auto [entry, is_new] = number.try_emplace({unit, cyclic[unit] ? changes[v] : 0}, next);
    parts.part_of[v] = entry->second;
    if (is_new) {
      parts.unit_of.push_back(unit);
    }
    first_part[unit] = std::min(first_part[unit], entry->second);
  }
  // Outputs are with their producer where that is of their unit; all else is in the unit's first
  // part.
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const Node& node = graph.nodes()[v];
    if (!is_active(v)) {
      const bool with_producer =
          node.kind == NodeKind::kOutput && unit_of[index(node.inputs[0].node)] == unit_of[v];
      parts.part_of[v] =
          with_producer ? parts.part_of[index(node.inputs[0].node)] : first_part[unit_of[v]];
    }
  }
  return parts;
}

}  // namespace

Atoms make_atoms(const Graph& graph, const Constraints& constraints,
                 const std::vector<bool>& settled) {
  Parts parts = divide_units(graph, constraints, settled);
  const Edges edges = edges_between(graph, settled, parts.part_of);
  const std::vector<std::uint32_t> order = order_parts(parts.unit_of.size(), edges);
  PLACER_CHECK(order.size() == parts.unit_of.size(), "dividing units left a cycle");
  std::vector<std::uint32_t> position(order.size());
  Atoms atoms;
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    position[order[i]] = i;
    atoms.unit_of.push_back(parts.unit_of[order[i]]);
  }
  for (std::uint32_t& part : parts.part_of) {
    part = part == Atoms::kNone ? part : position[part];
  }
  atoms.atom_of = std::move(parts.part_of);
  for (const auto& [from, to] : edges) {
    atoms.edges.emplace_back(position[from], position[to]);
  }
  return atoms;
}

}  // namespace placer
