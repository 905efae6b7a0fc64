#pragma once

// Searches that go on side by side, each from choice to choice by moves of its own: on threads
// where the objective judges moves incrementally, else one after another through the evaluator.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/move_judge.h"
#include "placer/algorithm/neighbourhood.h"
#include "placer/algorithm/starts.h"

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

// What the chains of one search share.
struct ChainContext {
  const Neighbourhood& neighbourhood;
  const std::vector<Choice>& starts;  // at least one
  std::uint64_t seed = 0;
};

// One that proposes some moves, has them judged and makes one of them, or none.
class MoveChain : public Chain {
 public:
  void run(Quota& quota) final;

 protected:
  //   algorithm, number  with the context's seed they key its random numbers
  //   at_once            moves to judge before one is chosen; 0: as many as the judge likes
  MoveChain(std::unique_ptr<MoveJudge> judge, const ChainContext& context,
            std::string_view algorithm, std::uint64_t number, std::size_t at_once = 0);

  // Comes before every proposal: starts anew where that is due. False: the quota is empty.
  [[nodiscard]] virtual bool ready(Quota& quota) = 0;
  // Makes one of the first `count` moves, which have been judged, or none. They are fewer than were
  // wanted, perhaps none, where the quota is empty.
  virtual void decide(std::size_t count) = 0;

  [[nodiscard]] const MoveJudge& judge() const { return *judge_; }
  [[nodiscard]] const Neighbourhood& neighbourhood() const { return neighbourhood_; }
  [[nodiscard]] Rng& rng() { return rng_; }
  // Goes on from there; false: the quota is empty.
  [[nodiscard]] bool start(Quota& quota, std::span<const DeviceId> choice);
  [[nodiscard]] bool started() const { return started_; }
  // Of the context's starts, each chain begins with another one and goes through them in turn.
  [[nodiscard]] bool unused_start() const { return next_start_ < starts_.size(); }
  [[nodiscard]] const Choice& next_start() { return starts_[next_start_++ % starts_.size()]; }

  [[nodiscard]] const Move& move(std::size_t i) const { return moves_[i]; }
  [[nodiscard]] const MoveValue& value(std::size_t i) const { return values_[i]; }
  // Makes one of those judged.
  void make(std::size_t i);

 private:
  std::unique_ptr<MoveJudge> judge_;
  const Neighbourhood& neighbourhood_;
  const std::vector<Choice>& starts_;
  Rng rng_;
  std::size_t next_start_;
  bool started_ = false;
  std::vector<Move> moves_;
  std::vector<MoveValue> values_;
};

struct ChainOptions {
  // 0: what the evaluation budget feeds, at most four, or where only time counts one for each core.
  // Always one without incremental evaluation.
  std::size_t chains = 0;
  std::size_t batch = 4;  // moves to judge at once without incremental evaluation
};

// Judges the starts, then runs chains from them until the budget is used.
//   name  of the algorithm
//   make  (judge, what is shared, number of the chain)
using MakeChain = std::function<std::unique_ptr<Chain>(
    std::unique_ptr<MoveJudge> judge, const ChainContext& context, std::uint64_t number)>;
[[nodiscard]] SearchResult run_chains(const Problem& problem, const SearchOptions& options,
                                      const std::string& name, const ChainOptions& chains,
                                      const MakeChain& make);

// With chains of one class, each made from (judge, what is shared, number, settings).
//   settings  have a member `chains`, a ChainOptions
template <typename OneChain, typename Settings>
[[nodiscard]] SearchResult run_chains_of(const Problem& problem, const SearchOptions& options,
                                         const std::string& name, const Settings& settings) {
  return run_chains(problem, options, name, settings.chains,
                    [&](auto judge, const ChainContext& context, std::uint64_t number) {
                      return std::make_unique<OneChain>(std::move(judge), context, number,
                                                        settings);
                    });
}

}  // namespace placer
