#pragma once

// The rules of group_nodes, as methods on groups in the making.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "placer/base/disjoint_sets.h"
#include "placer/cost/cost_model.h"
#include "placer/group/atoms.h"
#include "placer/group/merging_dag.h"
#include "placer/group/module_tree.h"
#include "placer/placement/constraints.h"

namespace placer {

// Groups in the making and the rules that merge them. A group is named by the node of `dag_` that
// stands for it.
class Grouper {
 public:
  Grouper(const CostModel& costs, const Constraints& constraints, const Atoms& atoms,
          std::size_t max_groups);

  void reunite_units();
  void follow_single_readers();
  void follow_modules();
  void reduce_to_limit();

  [[nodiscard]] const MergingDag& dag() const { return dag_; }

 private:
  struct Group {
    std::int64_t time = 0;  // mean over devices, picoseconds
    std::uint64_t mask = ~std::uint64_t{0};
    Pass pass = Pass::kForward;  // of the longest member
    std::int64_t longest = -1;
    std::optional<std::uint32_t> module;  // around all members that have one
    std::vector<NodeId> members;
    // As of the last survey, which may name groups that are gone:
    std::vector<std::uint32_t> readers;  // groups that read a tensor of it
    std::vector<std::uint32_t> sources;  // groups that it reads from
    std::int64_t top = 0;                // longest way from the step's begin to the group's start
    std::int64_t bottom = 0;             // longest way from the group's start to the step's end
  };
  // Groups that share a device because of a divided unit, by lowest atom.
  struct Tie {
    std::int64_t time = 0;
    std::uint32_t count = 0;
    std::uint64_t mask = 0;  // devices that all of its groups may use
  };

  void add_member(NodeId id, std::uint32_t atom);
  [[nodiscard]] std::uint32_t tie_of(std::uint32_t group) const { return tied_.find(group); }
  void unite_ties(std::uint32_t a, std::uint32_t b);
  // Merges unless that makes a cycle; the group that stays, or kNone.
  std::uint32_t merge(std::uint32_t a, std::uint32_t b);
  // Their device choices can become one without a loss of choice.
  bool same_choice(std::uint32_t a, std::uint32_t b) {
    return tie_of(a) == tie_of(b) || (data_[a].mask == data_[b].mask &&
                                      ties_[tie_of(a)].count == 1 && ties_[tie_of(b)].count == 1);
  }
  [[nodiscard]] bool within_cap(std::uint32_t a, std::uint32_t b) const {
    return data_[a].time + data_[b].time <= cap_;
  }
  [[nodiscard]] std::uint32_t common_depth(std::uint32_t a, std::uint32_t b) const;
  void survey();
  [[nodiscard]] bool is_akin(std::uint32_t a, std::uint32_t b, std::uint32_t depth) const {
    return data_[a].pass == data_[b].pass && common_depth(a, b) >= depth;
  }
  std::uint32_t urgent_reader(std::uint32_t group, std::uint32_t depth);
  std::uint32_t urgent_source(std::uint32_t group, std::uint32_t depth);
  [[nodiscard]] std::uint32_t only_reader(std::uint32_t group) const;
  bool follow_modules_once(std::uint32_t depth);
  std::vector<std::uint32_t> partners(std::uint32_t group);
  std::map<std::uint32_t, double> transfer_shares(std::uint32_t group);
  double loss(std::uint32_t group, std::uint32_t partner, double transfer_share);
  std::uint32_t merge_with_best_partner(std::uint32_t group);

  const CostModel& costs_;
  const Graph& graph_;
  const Atoms& atoms_;
  std::size_t max_groups_;
  MergingDag dag_;
  ModuleTree modules_;
  std::vector<Group> data_;                                          // [atoms]
  DisjointSets tied_;                                                // atoms
  std::vector<Tie> ties_;                                            // [atoms]
  std::vector<std::pair<std::uint32_t, std::uint32_t>> data_edges_;  // between atoms, each once
  std::int64_t cap_ = 0;       // longest group of rules 2 and 3
  std::int64_t tiny_ = 0;      // a group shorter than this cannot pay for a hand-off
  std::int64_t critical_ = 1;  // longest path
  std::uint32_t max_depth_ = 0;
};

}  // namespace placer
