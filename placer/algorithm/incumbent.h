#pragma once

// What every search keeps: the best placement so far, its history, the evaluations spent. Evaluates
// on the search's behalf, so that no algorithm can forget to count.

#include <span>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"

namespace placer {

class Incumbent {
 public:
  Incumbent(const Problem& problem, const SearchOptions& options, std::string stage);

  // Evaluates as many of `placements` as the budget allows (a prefix; returns its length), with
  // outcomes in outcomes()[i]. Nodes of one unit that are on several devices are judged (and kept
  // as best()) on the device of the first. A node on a device that it may not use is a LogicError.
  std::size_t evaluate(std::span<const Placement> placements);
  [[nodiscard]] std::span<const Outcome> outcomes() const { return outcomes_; }

  // For what judges moves elsewhere, without a placement for each: counts them,
  void spend(std::uint64_t evaluations) { clock_.spend(evaluations); }
  // and looks at a placement that was among them, which is not counted again.
  void offer(const Placement& placement);
  // Tells progress where the last report is long enough ago.
  void report_if_due();

  [[nodiscard]] bool exhausted() const { return clock_.exhausted(); }
  [[nodiscard]] const BudgetClock& clock() const { return clock_; }
  [[nodiscard]] const std::optional<Placement>& best() const { return result_.best; }
  [[nodiscard]] const Outcome& best_outcome() const { return result_.outcome; }
  [[nodiscard]] std::uint64_t timed_steps() const { return result_.timed_steps; }
  [[nodiscard]] SearchResult finish();

  // Evaluates options.initial, each made to keep the constraints; returns those that the budget
  // allowed.
  std::vector<Placement> evaluate_initial();

  // For searches that survive a kill: everything found and spent so far, and going on from there.
  // The budget then counts what the earlier run spent, in evaluations and seconds.
  [[nodiscard]] SearchResult so_far() const;
  void restore(SearchResult earlier);

 private:
  void report();

  void judge(std::span<const Placement> placements);
  void keep(const Placement& placement, const Outcome& outcome);

  const Problem& problem_;
  const SearchOptions& options_;
  std::string stage_;
  BudgetClock clock_;
  std::vector<Outcome> outcomes_;
  std::vector<NodeId> leader_;  // [nodes]: first node of the unit
  bool tied_ = false;           // some unit has several nodes
  bool judged_any_ = false;
  SearchResult result_;
  double last_report_ = -1;
};

// The nearest placement that keeps `constraints`: each unit on the first of its nodes' devices that
// it may use, else on its lowest allowed one. Other fields are kept.
[[nodiscard]] Placement conforming(const Constraints& constraints, Placement placement);

}  // namespace placer
