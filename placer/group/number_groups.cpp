#include "placer/group/number_groups.h"

#include <algorithm>
#include <map>
#include <optional>

namespace placer {
namespace {

constexpr std::uint32_t kNone = MergingDag::kNone;
constexpr std::uint32_t kAlone = kNone - 1;

// For each passive unit (only state, inputs, constants and outputs) the group it goes with: that of
// its first reader which it leaves all choices (without any reader: the first group of all), else
// kAlone. Other units: kNone.
//   group_of  [graph.size()], kNone for passive nodes
std::vector<std::uint32_t> find_hosts(const Graph& graph, const Constraints& constraints,
                                      const std::vector<std::uint32_t>& group_of,
                                      std::size_t num_groups) {
  std::vector<std::uint64_t> masks(num_groups, ~std::uint64_t{0});
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (group_of[v] != kNone) {
      masks[group_of[v]] &= constraints.allowed[v];
    }
  }
  std::vector<std::uint32_t> host(constraints.num_units, kNone);
  std::vector<bool> has_offer(constraints.num_units, false);
  const auto offer = [&](std::size_t passive, std::uint32_t group) {
    if (group == kNone) {
      return;
    }
    has_offer[constraints.unit_of[passive]] = true;
    std::uint32_t& chosen = host[constraints.unit_of[passive]];
    if (chosen == kAlone && (masks[group] & ~constraints.allowed[passive]) == 0) {
      chosen = group;
    }
  };
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (group_of[v] == kNone) {
      host[constraints.unit_of[v]] = kAlone;
    }
  }
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      const std::size_t reader = index(use.consumer);
      if (group_of[v] == kNone) {
        offer(v, group_of[reader]);
      } else if (group_of[reader] == kNone) {
        offer(reader,
              group_of[v]);  // an output: with its producer, unless its state finds a reader first
      }
    }
  }
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (std::uint32_t g = 0; !has_offer[constraints.unit_of[v]] && g < num_groups; ++g) {
      if (group_of[v] == kNone && (masks[g] & ~constraints.allowed[v]) == 0) {
        offer(v, g);
      }
    }
  }
  return host;
}

std::size_t count_divided(const Constraints& constraints, const std::vector<GroupId>& group_of) {
  std::vector<std::optional<GroupId>> first(constraints.num_units);
  std::vector<bool> divided(constraints.num_units, false);
  for (std::size_t v = 0; v < group_of.size(); ++v) {
    const std::uint32_t unit = constraints.unit_of[v];
    first[unit] = first[unit].value_or(group_of[v]);
    divided[unit] = divided[unit] || *first[unit] != group_of[v];
  }
  return static_cast<std::size_t>(std::count(divided.begin(), divided.end(), true));
}

}  // namespace

Grouping number_groups(const Graph& graph, const Constraints& constraints, const Atoms& atoms,
                       const MergingDag& dag) {
  const std::vector<std::uint32_t> order = dag.order();
  std::vector<std::uint32_t> number(atoms.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    number[order[i]] = i;
  }
  std::vector<std::uint32_t> group_of(graph.size(), kNone);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (atoms.atom_of[v] != Atoms::kNone) {
      group_of[v] = number[dag.find(atoms.atom_of[v])];
    }
  }
  const std::vector<std::uint32_t> host = find_hosts(graph, constraints, group_of, order.size());
  std::map<std::uint64_t, std::uint32_t> alone;  // mask of devices -> group
  for (std::size_t v = 0; v < graph.size(); ++v) {
    if (group_of[v] == kNone && host[constraints.unit_of[v]] == kAlone) {
      alone.try_emplace(constraints.allowed[v], static_cast<std::uint32_t>(alone.size()));
    }
  }
  Grouping result;
  result.num_groups = alone.size() + order.size();
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const std::uint32_t group = group_of[v] != kNone ? group_of[v] : host[constraints.unit_of[v]];
    result.group_of.push_back(
        id_at<GroupId>(group == kAlone ? alone.at(constraints.allowed[v]) : group + alone.size()));
  }
  result.divided_units = count_divided(constraints, result.group_of);
  return result;
}

}  // namespace placer
