#pragma once

// A grouping of nodes that was drawn, as the placer of a hierarchical policy sees it, and the
// devices that nodes get from their groups'.
//
// Published (Mirhoseini et al., ICLR 2018, section 3): a group is the count of each op type in it,
// the sum of its output shapes, and the groups that it feeds. Ours besides: its share of the time
// and the memory, and where in the graph it is.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "policy/features.h"

namespace placer::policy {

struct GroupedNodes {
  std::vector<std::int32_t> groups;  // those with nodes, in the order of their first ones
  // A row for each of these. With D kinds of device and G groups, used or not, the columns of
  // `numbers` are
  //   shapes    max_outputs x max_dims  log(1 + sum of the dimension over the nodes)
  //   times     D                       per kind of device: share of all nodes' time
  //   memory    1                       share of all bytes of state, outputs and workspace
  //   position  1                       mean index of its nodes / N
  //   feeds     G                       1 in the column of every group that reads it, its own if
  //                                     nodes of it read each other
  // Log columns are divided by the value of a group of all nodes, so that a number means the same
  // under every grouping.
  GroupFeatures features;
};

// Thread-safe once constructed.
class GroupedFeatures {
 public:
  // Of the nodes of problem.costs.graph(), in at most `num_groups` groups; `problem` and what it
  // refers to must outlive it.
  GroupedFeatures(const Problem& problem, const FeatureOptions& options, std::size_t num_groups);

  [[nodiscard]] std::size_t num_nodes() const { return leader_.size(); }
  [[nodiscard]] std::size_t num_groups() const { return num_groups_; }
  // The nodes of a unit share a device: the first of them is asked for a group, the others follow.
  [[nodiscard]] std::span<const std::uint32_t> leaders() const { return leader_; }  // [nodes]

  // Groups [nodes] below num_groups(). A group may use the devices that all of its nodes may use,
  // where there are none those that any of them may use; nodes that have one device only do not
  // count, and a group of such nodes has no choice.
  [[nodiscard]] GroupedNodes read(std::span<const std::int32_t> group_of) const;
  // Each node on its group's device, or where it may not go there on the one of its devices that a
  // transfer from there reaches first, the lowest of equals.
  //   device_of  [groups], below the number of devices for every group with nodes
  [[nodiscard]] Placement place(std::span<const std::int32_t> group_of,
                                std::span<const std::int32_t> device_of) const;

 private:
  struct Summed {
    std::vector<double> of_node;
    double total = 0;
  };
  void add_columns(std::vector<std::vector<double>> columns, std::vector<Summed>& to) const;
  void fill_types(std::span<const std::size_t> row_of_node, GroupFeatures& features) const;
  void fill_numbers(std::span<const std::int32_t> group_of,
                    std::span<const std::size_t> row_of_node, GroupFeatures& features) const;
  void fill_allowed(std::span<const std::size_t> row_of_node, GroupFeatures& features) const;

  const Problem& problem_;
  std::size_t num_groups_;
  std::vector<std::uint32_t> leader_;
  std::vector<std::string> types_;
  std::vector<Summed> type_counts_;  // [types]
  std::vector<Summed> shapes_;
  std::vector<Summed> shares_;                  // times, memory
  std::vector<std::vector<DeviceId>> nearest_;  // [devices]: itself, then the nearest first
};

// A grouping under which `placement` can be drawn: every group is of nodes on one device that follow
// each other in order; the more nodes are on a device the more groups it gets, which are numbered by
// where they lie.
//   positions  [nodes], in order
//   returns    [nodes]; nothing: it uses more devices than there may be groups
[[nodiscard]] std::optional<std::vector<std::int32_t>> grouping_of(
    const GroupedFeatures& groups, const Placement& placement, std::span<const double> positions);

}  // namespace placer::policy
