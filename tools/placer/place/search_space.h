#pragma once

// What the searching commands search: a workload on a cluster under constraints and an objective,
// op by op or by groups.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/group/grouping.h"
#include "simulator/model.h"

namespace placer::cli {

inline constexpr const char* kStepTime = "step-time";

struct SearchSpaceOptions {
  std::string objective = kStepTime;  // as sim::make_objective reads it
  // At most so many groups, 0: none; nothing: 256 for the step time of more than 40 and at most
  // kLargeGraph nodes, else none: closed-form objectives judge a move in less than a microsecond.
  std::optional<std::size_t> max_groups = std::nullopt;
  sim::Model model{};  // what of a step is simulated
};

// All members refer to one another: not movable.
class SearchSpace {
 public:
  // Throws Error(kUsage) for an unknown objective or contradicting constraints.
  SearchSpace(const Workload& workload, const Cluster& cluster, const ConstraintOptions& options,
              SearchSpaceOptions space);
  SearchSpace(const SearchSpace&) = delete;
  SearchSpace& operator=(const SearchSpace&) = delete;
  SearchSpace(SearchSpace&&) = delete;
  SearchSpace& operator=(SearchSpace&&) = delete;
  ~SearchSpace();

  [[nodiscard]] const std::string& objective() const { return objective_; }
  [[nodiscard]] const CostModel& costs() const { return costs_; }
  [[nodiscard]] const Constraints& constraints() const { return constraints_; }
  [[nodiscard]] const sim::Model& model() const { return model_; }
  // Those that some node may be on, in the cluster's order.
  [[nodiscard]] std::vector<DeviceId> usable_devices() const;
  [[nodiscard]] const Grouping* grouping() const { return groups_ ? &groups_->grouping : nullptr; }
  // Judges placements op by op by the objective, on all cores.
  [[nodiscard]] Evaluator& judge() { return *judge_; }

  // At the level that is searched: by groups where there are any. Judged op by op by the objective,
  // or by `of_ops`.
  [[nodiscard]] Problem searched();
  [[nodiscard]] Problem op_by_op();
  // Judged by another evaluator of that level.
  [[nodiscard]] Problem judged_by(Evaluator& searched) const;
  [[nodiscard]] const Constraints& searched_constraints() const {
    return groups_ ? groups_->constraints : constraints_;
  }

  // Nodes, or groups, that are placed.
  [[nodiscard]] std::size_t size() const { return searched_constraints().unit_of.size(); }

  // Between ops and the level that is searched; the nearest that keeps the constraints.
  [[nodiscard]] Placement from_ops(const Placement& fine) const;
  [[nodiscard]] Placement to_ops(const Placement& searched) const;
  // Constraints of the searched level with only the devices in `mask`; nothing when some node
  // cannot run on these.
  [[nodiscard]] std::optional<Constraints> restricted_to(std::uint64_t mask) const;

 private:
  struct Groups {
    Groups(const Workload& fine, const Cluster& cluster, const CostModel& fine_costs,
           const Constraints& fine_constraints, std::size_t max_groups);
    Grouping grouping;
    Workload workload;
    CostModel costs;
    Constraints constraints;
  };
  // Of ops by the objective.
  [[nodiscard]] std::unique_ptr<Evaluator> make_judge(int threads) const;
  // Of the searched level, with a cache; owns what it is made of.
  [[nodiscard]] std::unique_ptr<Evaluator> make_evaluator(int threads) const;

  std::string objective_;
  sim::Model model_;
  CostModel costs_;
  Constraints constraints_;
  std::unique_ptr<Groups> groups_;  // nothing: ops are searched
  std::unique_ptr<Evaluator> judge_;
  std::unique_ptr<Evaluator> evaluator_;
};

// Cores that searches may keep busy.
[[nodiscard]] std::size_t search_threads();

}  // namespace placer::cli
