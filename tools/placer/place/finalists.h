#pragma once

// Second half of `placer place`: the proposed placements are run against each other on the real
// devices, and one is chosen.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "placer/evaluate/statistics.h"
#include "tools/placer/place/candidates.h"
#include "tools/placer/shared.h"
#include "tools/placer/step_bench.h"

namespace placer::cli {

// Samples of one placement and their summary.
struct Measurement {
  std::vector<double> seconds;
  std::optional<Infeasible> infeasible;  // why it could not run, the last time

  [[nodiscard]] bool ran() const { return !infeasible && !seconds.empty(); }
  [[nodiscard]] double median_seconds() const { return median(seconds); }
  [[nodiscard]] MeasuredTime summary() const;
};

struct Choice {
  std::size_t winner = 0;                      // index of the candidates
  std::vector<std::optional<Measurement>> of;  // [candidates]: all samples, where measured
  std::optional<Measurement> all_cores;        // every op on all cores
  // Of the runs made after choosing, where there were enough; ratios above 1: the chosen placement
  // is faster.
  std::optional<Measurement> after_choosing;
  std::optional<PairedComparison> over_best_single;
  std::optional<PairedComparison> over_best_baseline;  // the best of all that did not search
  std::optional<PairedComparison> over_all_cores;
  std::string best_single;
  std::string best_baseline;
};

struct FinalistOptions {
  double seconds = 60;    // for all of it; at least a few rounds are run whatever they take
  std::size_t most = 12;  // placements measured at all
  int rounds = 30;        // of the runs made after choosing
};

// Without measuring: the best by simulated time.
[[nodiscard]] Choice choose_by_simulation(std::span<const Candidate> candidates);

// Three stages, all interleaved with one discarded step after every switch: every distinct
// placement a few rounds; the best few until the winner is clear; the chosen one against the best
// single device, the best baseline and all cores. When one of these wins that last stage it becomes
// the choice and the stage is run again, a few times at most; when the chosen one fails in it, the
// next best.
// Throws Error(kInfeasible, kDevice) when none is left.
[[nodiscard]] Choice choose_by_measurement(std::span<const Candidate> candidates, StepBench& bench,
                                           const FinalistOptions& options, const Shared& shared);

}  // namespace placer::cli
