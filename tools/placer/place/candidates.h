#pragma once

// First half of `placer place`: every algorithm proposes a placement, judged by the simulator op by
// op.

#include <functional>
#include <string>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/formats/formats.h"
#include "placer/group/grouping.h"
#include "simulator/simulator.h"
#include "tools/placer/place/run_directory.h"
#include "tools/placer/shared.h"

namespace placer::cli {

// HEFT without grouping.
inline constexpr const char* kHeftByOps = "heft-by-ops";

// What one algorithm came to.
struct Candidate {
  std::string algorithm;
  bool searched = false;  // spent evaluations; else a heuristic that returns at once
  Placement placement;    // op by op; empty where it found none that can run
  Outcome simulated;      // of that placement; else why the least bad cannot run
  std::uint64_t evaluations = 0;
  double seconds = 0;
  bool resumed = false;  // read back from the run directory
  std::string trouble;   // why its search ended early of itself; empty: it did not

  [[nodiscard]] bool found() const { return !placement.device.empty(); }
};

// The level that is searched, and the simulator behind it. All members refer to one another: not
// movable.
class SearchSpace {
 public:
  SearchSpace(const Workload& workload, const Cluster& cluster, const ConstraintOptions& options,
              std::size_t max_groups);
  SearchSpace(const SearchSpace&) = delete;
  SearchSpace& operator=(const SearchSpace&) = delete;
  SearchSpace(SearchSpace&&) = delete;
  SearchSpace& operator=(SearchSpace&&) = delete;
  ~SearchSpace() = default;

  [[nodiscard]] const CostModel& costs() const { return costs_; }
  [[nodiscard]] const Constraints& constraints() const { return constraints_; }
  [[nodiscard]] const Grouping& grouping() const { return grouping_; }
  [[nodiscard]] sim::Simulator& simulator() { return *simulator_; }

  // Searched by groups, judged op by op by the simulator or by `coarse`.
  [[nodiscard]] Problem simulated();
  [[nodiscard]] Problem judged_by(Evaluator& coarse);
  // Op by op, for heuristics that are quick enough: what grouping costs shows against it.
  [[nodiscard]] Problem op_by_op();
  // The nearest placement of groups that keeps the constraints.
  [[nodiscard]] Placement to_groups(const Placement& fine) const;
  // The same with only the devices in `mask`; nothing when some node cannot run on these.
  [[nodiscard]] std::optional<Constraints> restricted_to(std::uint64_t mask) const;
  [[nodiscard]] const CostModel& coarse_costs() const { return coarse_costs_; }
  [[nodiscard]] const Constraints& coarse_constraints() const { return coarse_constraints_; }

 private:
  CostModel costs_;
  Constraints constraints_;
  Grouping grouping_;
  Workload coarse_;
  CostModel coarse_costs_;
  Constraints coarse_constraints_;
  std::unique_ptr<sim::Simulator> simulator_;
  std::unique_ptr<Evaluator> expanding_;
  std::unique_ptr<Evaluator> cached_;
};

// What the search may spend in the simulator.
struct SearchPlan {
  std::vector<std::string> searching;  // algorithms that search, by name
  Budget each;                         // of every one of these
  std::uint64_t seed = 1;
  bool warm_start = true;
  std::vector<Placement> initial;  // op by op, from the user
};

// Runs every heuristic, then every searching algorithm from the best of them. Results are kept in
// the run directory as they come and read back from it. Those that found nothing come last.
[[nodiscard]] std::vector<Candidate> propose(SearchSpace& space, const AlgorithmRegistry& registry,
                                             const SearchPlan& plan, const Config& config,
                                             RunDirectory& run, const Shared& shared);

// One algorithm on one problem of the space.
[[nodiscard]] Candidate run_algorithm(SearchSpace& space, Algorithm& algorithm,
                                      const std::string& name, const Problem& problem,
                                      const SearchOptions& options);
// What the config sets of an algorithm, as SearchOptions::parameters.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parameters_of(
    const Config& config, const std::string& algorithm);
// Says what ended it early, or that it found nothing.
void tell(const Candidate& candidate, const Shared& shared);

// Predicted step time with the first 1, 2, ... devices, by short searches; nothing where nothing
// fits. Empty when a stop was requested.
[[nodiscard]] std::vector<std::optional<SimTime>> device_scaling(SearchSpace& space,
                                                                 const AlgorithmRegistry& registry,
                                                                 std::uint64_t seed,
                                                                 const Shared& shared);

}  // namespace placer::cli
