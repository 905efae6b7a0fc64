#pragma once

// Searches that go on side by side, each from choice to choice by moves of its own: on threads
// where the objective judges moves incrementally, else one after another through the evaluator.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/move_judge.h"
#include "placer/algorithm/neighbourhood.h"

namespace placer {

// What a chain may do until it must come back.
struct Allowance {
  std::uint64_t slice = 0;       // moves
  std::uint64_t used = 0;        // moves before this slice
  std::uint64_t share = 0;       // moves of the chain's whole budget; 0: only time counts
  std::uint64_t look_every = 1;  // moves between looks at the clock
};

class Quota {
 public:
  // `clock` outlives it.
  Quota(const BudgetClock& clock, const Allowance& allowance);

  // Takes one move; false: none is left, or time is up.
  [[nodiscard]] bool take();
  // Share of the whole budget that is used, as of the last look; 0 without a budget.
  [[nodiscard]] double fraction() const { return fraction_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  void look();

  const BudgetClock& clock_;
  Allowance allowance_;
  std::uint64_t taken_ = 0;
  double fraction_ = 0;
  bool out_of_time_ = false;
};

// One search. What it does depends on nothing but its seed, its starts and the moves it may take.
class Chain {
 public:
  virtual ~Chain() = default;
  // Goes on where it was, until the quota is empty.
  virtual void run(Quota& quota) = 0;

  // The best feasible choice so far; empty: none.
  [[nodiscard]] std::span<const DeviceId> best() const { return best_; }
  [[nodiscard]] double best_cost() const { return best_cost_; }

 protected:
  // Keeps the judge's choice where it is the best so far and fits.
  void keep_if_best(const MoveJudge& judge);

 private:
  std::vector<DeviceId> best_;
  double best_cost_ = std::numeric_limits<double>::infinity();
};

struct ChainOptions {
  // 0: what the evaluation budget feeds, at most four, or where only time counts one for each core.
  // Always one without incremental evaluation.
  std::size_t chains = 0;
  std::size_t batch = 4;  // moves to judge at once without incremental evaluation
};

// IncrementalEvaluator::worthwhile(), or all devices where the objective has no such evaluation.
[[nodiscard]] std::uint64_t worthwhile_devices(const Problem& problem);

// Runs until the incumbent is exhausted.
//   make  (judge, number of the chain)
using MakeChain =
    std::function<std::unique_ptr<Chain>(std::unique_ptr<MoveJudge> judge, std::uint64_t number)>;
void run_chains(const Problem& problem, const SearchOptions& options, const UnitTable& units,
                Incumbent& incumbent, const ChainOptions& chains, const MakeChain& make);

}  // namespace placer
