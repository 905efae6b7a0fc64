#include "policy/refiner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "placer/evaluate/incremental.h"

namespace placer::policy {
namespace {

// Weight of what leads where placements cost the same; annealing's.
constexpr double kGuide = 1e-3;
// Moves between looks at whether memory is still over its limit.
constexpr std::uint64_t kPriceEvery = 64;

}  // namespace

Refiner::Refiner(const Problem& problem, Incumbent& incumbent, const RefinerOptions& options)
    : incumbent_(incumbent),
      options_(options),
      incremental_(problem.evaluator.incremental(problem.constraints)),
      counts_itself_(incremental_ == nullptr),
      units_(problem, incremental_ == nullptr ? ~std::uint64_t{0} : incremental_->worthwhile()),
      neighbourhood_(units_),
      judge_(counts_itself_ ? make_batch_judge(units_, incumbent, 1)
                            : make_incremental_judge(std::move(incremental_))),
      moves_(1),
      values_(1) {
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    mean_bytes_ +=
        static_cast<double>(units_.bytes(unit).count) / static_cast<double>(units_.size());
  }
}

double Refiner::energy(const MoveValue& value) const {
  return value.cost + kGuide * value.guide + byte_price_ * value.overload_bytes;
}

void Refiner::begin(const Outcome& outcome) {
  best_.clear();
  best_cost_ = outcome.feasible() ? static_cast<double>(outcome.cost())
                                  : std::numeric_limits<double>::infinity();
  const double cost = std::isfinite(judge_->value().cost) ? judge_->value().cost : 1;
  scale_ = cost > 0 ? cost : 1;
  byte_price_ = mean_bytes_ > 0 ? options_.temperature * scale_ / mean_bytes_ : scale_;
}

void Refiner::move(Rng& rng, double done) {
  neighbourhood_.propose(rng, judge_->choice(), judge_->bottleneck(), moves_[0]);
  if (judge_->judge(moves_, values_) == 0) return;
  if (!counts_itself_) incumbent_.spend(1);
  const double rise = energy(values_[0]) - energy(judge_->value());
  const double temperature = scale_ * options_.temperature * std::pow(options_.cooling, done);
  // From a choice without value (a cycle of blocks) everything is accepted.
  if (rise > 0 && !(rng.uniform() < std::exp(-rise / temperature))) return;
  judge_->commit(moves_[0], values_[0]);
  const MoveValue& value = judge_->value();
  if (value.overload_bytes == 0 && value.cost < best_cost_) {
    best_cost_ = value.cost;
    best_.assign(judge_->choice().begin(), judge_->choice().end());
    if (counts_itself_) best_outcome_ = incumbent_.outcomes().front();
  }
}

Placement Refiner::refine(const Placement& start, Outcome& outcome, Rng& rng,
                          const RefinerLimit& limit) {
  if (neighbourhood_.empty() || incumbent_.exhausted()) return start;
  const BudgetClock& clock = incumbent_.clock();
  const double first = clock.fraction();
  // What would be left is too little for another one: this one takes it.
  const std::uint64_t least = std::min(limit.least_moves, clock.left());
  const double by_share =
      (limit.fraction - first) / (1 - first) * static_cast<double>(clock.left());
  const bool last =
      static_cast<double>(clock.left()) - std::max(by_share, static_cast<double>(least)) <
      static_cast<double>(limit.least_moves);
  const double end = last ? 1 : limit.fraction;
  if (!judge_->start(units_.choice(start))) return start;
  begin(outcome);
  for (std::uint64_t made = 0; !incumbent_.exhausted(); ++made) {
    const double now = clock.fraction();
    if (now >= end && made >= least) break;
    const double by_budget = end > first ? (now - first) / (end - first) : 1;
    const double by_moves = static_cast<double>(made) / static_cast<double>(least);
    move(rng, std::clamp(std::min(by_budget, by_moves), 0.0, 1.0));
    if (made % kPriceEvery == kPriceEvery - 1) {
      byte_price_ *= judge_->value().overload_bytes > 0 ? 1.1 : 1 / 1.1;
    }
  }
  if (best_.empty()) return start;
  Placement better = units_.placement(best_);
  if (counts_itself_) {
    outcome = best_outcome_;
  } else {
    incumbent_.offer(better);
    outcome = incumbent_.outcomes().front();
  }
  return better;
}

}  // namespace placer::policy
