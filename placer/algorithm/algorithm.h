#pragma once

// The seam of every method that finds placements: heuristics, local search, learning. One file
// each, found by name in one registry.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "placer/base/progress.h"
#include "placer/base/random.h"
#include "placer/cost/cost_model.h"
#include "placer/evaluate/budget.h"
#include "placer/evaluate/evaluator.h"
#include "placer/group/grouping.h"
#include "placer/placement/constraints.h"

namespace placer {

// Above so many nodes one simulated step costs milliseconds: searches that judge one move by one
// step do not get far, and groups are too coarse.
inline constexpr std::size_t kLargeGraph = 20'000;

// What is to be placed: usually a graph of groups. All references outlive the run.
struct Problem {
  const CostModel& costs;  // graph, cluster and times at the level that is searched
  // Of the same level. Where the graph was contracted most units are one node, but a unit whose
  // nodes are before and after others (the forward and backward ops of a colocated module) is
  // several (see grouping.h): they share a device.
  const Constraints& constraints;
  Evaluator& evaluator;  // takes placements of costs.graph()
  // The graph before contraction and how it was contracted, for methods that look inside groups;
  // nullptr when not contracted.
  const Graph* fine_graph = nullptr;
  const Grouping* grouping = nullptr;
  // Another evaluator that gives the same outcomes, for a thread of its own; it may be called from
  // one thread at a time. Empty: there is only `evaluator`.
  std::function<std::unique_ptr<Evaluator>()> make_evaluator = nullptr;
};

// Of an algorithm, "name=value"; as given, in order.
using ParameterList = std::span<const std::pair<std::string, std::string>>;

struct SearchOptions {
  Budget budget;
  std::uint64_t seed = 1;
  std::stop_token stop;
  ProgressSink progress;           // may be empty
  std::vector<Placement> initial;  // placements to start from, best first; may be empty
  // The registered heuristics have been run on this problem and `initial` has the best of them.
  bool heuristics_tried = false;
  // "name=value" of the algorithm; unknown names are Error(kUsage).
  std::vector<std::pair<std::string, std::string>> parameters;
  // What a trained policy is decoded into before it learns on, at most, unless a parameter says how
  // many: few where an evaluation is a step that is run. Nothing: what suits the method.
  std::optional<std::size_t> decoded;
  // Where the algorithm keeps what it needs to go on after a kill; empty: nowhere. When the file
  // exists it resumes from it.
  std::string checkpoint;
  // Called with one flat JSON object per update for metrics.jsonl; may be empty.
  std::function<void(const std::string&)> metrics;
  // Called with every placement that is the best so far when it is judged, its outcome, and the
  // evaluations until then, this one included; not by portfolios. May be empty.
  std::function<void(const Placement&, const Outcome&, std::uint64_t evaluations)> on_best;
  // Cores that it may keep busy. Under a budget of evaluations alone the result does not depend on
  // it.
  std::size_t threads = 1;
};

struct HistoryPoint {
  std::uint64_t evaluations = 0;
  double seconds = 0;
  SimTime best;  // Outcome::cost(): of a score, in the score's unit
};

// What one member of a portfolio did.
struct MemberReport {
  std::string name;
  std::uint64_t evaluations = 0;
  double seconds = 0;      // summed over threads
  std::size_t gained = 0;  // times that it improved the best of all
  Outcome best;            // of its own
};

struct SearchResult {
  std::optional<Placement> best;  // nothing: no feasible placement was found
  Outcome outcome;                // of best; else of the least bad
  std::uint64_t evaluations = 0;
  double seconds = 0;
  bool stopped = false;  // by request, before the budget's end
  // Why it ended early of itself, or what it had to undo on the way; empty: neither.
  std::string trouble;
  // No placement of this problem costs less (Outcome::cost() of the evaluator). Equal to the cost
  // of best: best is optimal, proven. Nothing: the method proves nothing.
  std::optional<std::int64_t> lower_bound = std::nullopt;
  std::vector<HistoryPoint> history;  // every improvement
  std::uint64_t timed_steps = 0;      // run for all evaluations, where steps are measured
  // Of a portfolio: whose placement `best` is, and what each member that ran did; else empty.
  std::string found_by = {};
  std::vector<MemberReport> members = {};
};

class Algorithm {
 public:
  virtual ~Algorithm() = default;
  // Anytime: obeys budget and stop, deterministic for a seed and an evaluation budget. A method
  // without search ignores the budget.
  [[nodiscard]] virtual SearchResult run(const Problem& problem, const SearchOptions& options) = 0;
};

struct AlgorithmEntry {
  std::string name;         // as on the command line
  std::string description;  // one line
  bool searches = false;    // spends the budget; else a constructive heuristic that returns at once
  std::function<std::unique_ptr<Algorithm>()> make;
  // Throws Error(kUsage) for SearchOptions::parameters that are not its own; empty: it has none.
  std::function<void(ParameterList)> check_parameters = nullptr;
  bool learns = false;  // trains a policy, which may go on from the simulator to measured steps
  bool has_network = false;  // the policy's is on the device that the parameter "device" names
  bool transfers = false;    // a policy that was trained on other graphs places without search
  bool control = false;      // a yardstick for other methods: portfolios leave it out
  // Takes long for what it does to the step time of more than kLargeGraph nodes: what runs every
  // algorithm leaves it out there.
  bool small_graphs_only = false;
  // Nodes or groups above which it takes more memory than a machine has; see require_fitting().
  std::size_t most_units = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] bool fits(std::size_t units) const { return units <= most_units; }
};

// Filled by explicit calls (register_baselines, policy::register_policies), since static libraries
// drop static initialisers.
class AlgorithmRegistry {
 public:
  void add(AlgorithmEntry entry);  // LogicError on a name already taken
  // The same, with small_graphs_only.
  void add_for_small_graphs(AlgorithmEntry entry);
  [[nodiscard]] std::span<const AlgorithmEntry> entries() const { return entries_; }
  // Throws Error(kUsage) with the nearest name when unknown.
  [[nodiscard]] const AlgorithmEntry& find(std::string_view name) const;
  // Before anything is run: throws what running `name` with these would throw.
  void check_parameters(std::string_view name, ParameterList parameters) const;
  // Throws Error(kUsage) where `units`, nodes or groups, are more than `name` takes.
  void require_fitting(std::string_view name, std::size_t units) const;

 private:
  std::vector<AlgorithmEntry> entries_;
};

// single:<device> for each device of a cluster is made by single_device(); the others: random,
// round-robin, expert, heft, hill-climb.
void register_baselines(AlgorithmRegistry& registry);

// Everything on one device; what may not go there goes with a neighbour, as near as its constraints
// allow.
[[nodiscard]] std::unique_ptr<Algorithm> single_device(DeviceId device);

}  // namespace placer
