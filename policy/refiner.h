#pragma once

// The local search that follows a policy's samples: annealing from each (Kirkpatrick, Gelatt,
// Vecchi, Science 1983), the moves of placer/algorithm/neighbourhood.h.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/move_judge.h"
#include "placer/algorithm/neighbourhood.h"
#include "placer/algorithm/unit_table.h"

namespace placer::policy {

struct RefinerOptions {
  double temperature = 0.01;  // of the first moves, over the cost they start from
  double cooling = 1e-3;      // temperature of the last over that of the first
};

// When a refinement ends: at this share of the budget, but not before so many moves.
struct RefinerLimit {
  double fraction = 1;
  std::uint64_t least_moves = 1;
};

// Not thread-safe. Keeps nothing from one refinement to the next.
class Refiner {
 public:
  // Every judged move counts through `incumbent`, which sees the best of each refinement. All
  // outlive it.
  Refiner(const Problem& problem, Incumbent& incumbent, const RefinerOptions& options);

  [[nodiscard]] const UnitTable& units() const { return units_; }

  // The best feasible placement on the way from `start` and its outcome; the start itself where
  // nothing better was found or the budget is used.
  //   outcome  of the start; replaced
  [[nodiscard]] Placement refine(const Placement& start, Outcome& outcome, Rng& rng,
                                 const RefinerLimit& limit);

 private:
  void begin(const Outcome& outcome);
  void move(Rng& rng, double done);
  [[nodiscard]] double energy(const MoveValue& value) const;

  Incumbent& incumbent_;
  RefinerOptions options_;
  std::unique_ptr<IncrementalEvaluator> incremental_;  // until judge_ has it
  bool counts_itself_;
  UnitTable units_;
  Neighbourhood neighbourhood_;
  std::unique_ptr<MoveJudge> judge_;
  double mean_bytes_ = 0;
  double scale_ = 1;
  double byte_price_ = 1;
  std::vector<Move> moves_;
  std::vector<MoveValue> values_;
  std::vector<DeviceId> best_;
  double best_cost_ = 0;
  Outcome best_outcome_;  // where the judge asks for outcomes
};

}  // namespace placer::policy
