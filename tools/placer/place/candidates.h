#pragma once

// First half of `placer place`: every algorithm proposes a placement, judged op by op by the
// objective.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/formats/formats.h"
#include "tools/placer/place/run_directory.h"
#include "tools/placer/place/search_space.h"
#include "tools/placer/shared.h"

namespace placer::cli {

// HEFT without grouping.
inline constexpr const char* kHeftByOps = "heft-by-ops";
inline constexpr const char* kMultilevelByOps = "multilevel-by-ops";
// The portfolio.
inline constexpr const char* kAuto = "auto";
// The learner that runs unasked under the step time, by itself and within `auto`.
inline constexpr const char* kLearner = "dual";

// What one algorithm came to.
struct Candidate {
  std::string algorithm;
  bool searched = false;  // spent evaluations; else a heuristic that returns at once
  Placement placement;    // op by op; empty where it found none that can run
  Outcome predicted;      // of that placement; else why the least bad cannot run
  std::uint64_t evaluations = 0;
  double seconds = 0;
  bool resumed = false;  // read back from the run directory
  std::string trouble;   // what was wrong with its search; empty: nothing
  // SearchResult's, where single ops were searched: of groups it says nothing of what ops can do.
  std::optional<std::int64_t> lower_bound;
  std::string found_by;               // SearchResult's, of a portfolio
  std::vector<MemberReport> members;  // likewise
  std::vector<HistoryPoint> history;  // likewise; of what was searched, which may be groups

  [[nodiscard]] bool found() const { return !placement.device.empty(); }
};

// A placement that the user has, by the name of its file.
struct GivenPlacement {
  std::string file;
  Placement placement;  // op by op
};

// What the search may spend.
struct SearchPlan {
  std::vector<std::string> searching;  // algorithms that search, by name
  // Evaluations of each of these; seconds of everything, heuristics included.
  Budget budget;
  std::uint64_t seed = 1;
  bool warm_start = true;
  bool one_heuristic =
      false;  // HEFT, of all but the single devices: where an answer is due at once
  std::vector<GivenPlacement> given;
};

// Judges the given placements, mended where they break a rule, runs every heuristic, on all cores,
// then every searching algorithm from the best of all these. Results are kept in the run directory as they come and read back from it. Those that found nothing come
// last.
[[nodiscard]] std::vector<Candidate> propose(SearchSpace& space, const AlgorithmRegistry& registry,
                                             const SearchPlan& plan, const Config& config,
                                             RunDirectory& run, const Shared& shared);

// One algorithm on one problem of the space.
[[nodiscard]] Candidate run_algorithm(SearchSpace& space, Algorithm& algorithm,
                                      const std::string& name, const Problem& problem,
                                      const SearchOptions& options);
// The algorithm of that name. A portfolio is one of searches alone, each with its own parameters:
// the heuristics have run before. What learns is in it only under the step time.
[[nodiscard]] std::unique_ptr<Algorithm> make_search(const AlgorithmRegistry& registry,
                                                     const std::string& name, const Config& config,
                                                     const SearchSpace& space);
// Where a placement of this program is from, and what is `predicted` of it, by which objective.
[[nodiscard]] Provenance provenance_of(const SearchSpace& space, const std::string& algorithm,
                                       std::uint64_t seed, std::uint64_t evaluations,
                                       const Outcome& predicted);
// Those of one algorithm, as SearchOptions::parameters.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parameters_of(
    const AlgorithmParameters& parameters, const std::string& algorithm);
// Says what ended it early, or that it found nothing.
void tell(const Candidate& candidate, const Shared& shared);

// Predicted step time with the first 1, 2, ... usable devices, by short searches; nothing where nothing
// fits. Empty when a stop was requested.
//   seconds  most of all of them together
[[nodiscard]] std::vector<std::optional<SimTime>> device_scaling(SearchSpace& space,
                                                                 const AlgorithmRegistry& registry,
                                                                 std::uint64_t seed, double seconds,
                                                                 const Shared& shared);

}  // namespace placer::cli
