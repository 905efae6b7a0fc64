#include "placer/algorithm/chains.h"

#include <algorithm>
#include <array>

#include "placer/base/parallel.h"

namespace placer {
namespace {

constexpr std::uint64_t kLookEvery = 1'000;
constexpr std::uint64_t kSlice = 100'000;            // moves between looks at each other's best
constexpr std::uint64_t kChainWorthwhile = 500'000;  // moves
constexpr std::uint64_t kMostChains = 4;

std::uint64_t count_chains(const SearchOptions& options) {
  if (options.budget.evaluations) {
    return std::clamp<std::uint64_t>(*options.budget.evaluations / kChainWorthwhile, 1,
                                     kMostChains);
  }
  return std::max<std::size_t>(options.threads, 1);
}

}  // namespace

Quota::Quota(const BudgetClock& clock, const Allowance& allowance)
    : clock_(clock), allowance_(allowance) {
  look();
}

bool Quota::take() {
  if (taken_ == allowance_.slice || out_of_time_) {
    return false;
  }
  ++taken_;
  if (taken_ % allowance_.look_every == 0) {
    look();
  }
  return !out_of_time_;
}

void Quota::look() {
  out_of_time_ = clock_.exhausted();
  fraction_ = allowance_.share == 0 ? clock_.fraction()
                                    : static_cast<double>(allowance_.used + taken_) /
                                          static_cast<double>(allowance_.share);
}

void Chain::keep_if_best(const MoveJudge& judge) {
  const MoveValue& value = judge.value();
  if (value.overload_bytes == 0 && value.cost < best_cost_) {
    best_cost_ = value.cost;
    best_.assign(judge.choice().begin(), judge.choice().end());
  }
}

MoveChain::MoveChain(std::unique_ptr<MoveJudge> judge, const ChainContext& context,
                     std::string_view algorithm, std::uint64_t number, std::size_t at_once)
    : judge_(std::move(judge)),
      neighbourhood_(context.neighbourhood),
      starts_(context.starts),
      rng_(Rng::keyed(context.seed, std::array{fnv1a64(algorithm), number})),
      next_start_(number),
      moves_(at_once != 0 ? at_once : judge_->batch()),
      values_(moves_.size()) {}

void MoveChain::run(Quota& quota) {
  while (ready(quota)) {
    std::size_t wanted = 0;
    while (wanted < moves_.size() && quota.take()) {
      neighbourhood_.propose(rng_, judge_->choice(), judge_->bottleneck(), moves_[wanted++]);
    }
    const std::size_t count = judge_->judge(std::span(moves_).first(wanted), values_);
    decide(count);
    if (count < moves_.size()) {
      return;
    }
  }
}

bool MoveChain::start(Quota& quota, std::span<const DeviceId> choice) {
  if (!quota.take() || !judge_->start(choice)) {
    return false;
  }
  keep_if_best(*judge_);
  started_ = true;
  return true;
}

void MoveChain::make(std::size_t i) {
  judge_->commit(moves_[i], values_[i]);
  keep_if_best(*judge_);
}

namespace {

// A chain of the search, around one judge.
using Make = std::function<std::unique_ptr<Chain>(std::unique_ptr<MoveJudge>, std::uint64_t)>;

// One chain through the evaluator itself, which counts and keeps what it is asked.
void run_alone(const SearchOptions& options, const UnitTable& units, Incumbent& incumbent,
               const ChainOptions& chains, const Make& make) {
  const auto chain = make(make_batch_judge(units, incumbent, chains.batch), 0);
  while (!incumbent.exhausted()) {
    Quota quota(incumbent.clock(), {.slice = kSlice,
                                    .used = incumbent.clock().spent(),
                                    .share = options.budget.evaluations.value_or(0),
                                    .look_every = 1});
    chain->run(quota);
  }
}

struct Runner {
  std::unique_ptr<Chain> chain;
  std::uint64_t used = 0;
  double told = std::numeric_limits<double>::infinity();  // best cost that the incumbent has seen
};

// Gives every chain a slice. Chains that a nearly empty budget leaves without one rest.
void run_slice(std::vector<Runner>& runners, const Incumbent& incumbent, std::size_t threads,
               std::uint64_t share, std::vector<std::uint64_t>& taken) {
  const std::uint64_t left = incumbent.clock().left();
  run_in_parallel(runners.size(), threads, [&](std::size_t i, std::size_t) {
    const std::uint64_t fair = left / runners.size() + (i < left % runners.size() ? 1 : 0);
    Quota quota(
        incumbent.clock(),
        {.slice = std::min(fair, kSlice),
         .used = runners[i].used,
         .share = share,
         .look_every = share == 0 ? kLookEvery
                                  : std::clamp<std::uint64_t>(share / kLookEvery, 1, kLookEvery)});
    runners[i].chain->run(quota);
    taken[i] = quota.taken();
    runners[i].used += quota.taken();
  });
}

// Chains on threads of their own; `first` is for the first of them.
void run_side_by_side(const Problem& problem, const SearchOptions& options, const UnitTable& units,
                      Incumbent& incumbent, std::size_t chains,
                      std::unique_ptr<IncrementalEvaluator> first, const Make& make) {
  std::vector<Runner> runners(chains != 0 ? chains : count_chains(options));
  for (std::size_t i = 0; i < runners.size(); ++i) {
    auto moves = i == 0 ? std::move(first) : problem.evaluator.incremental(problem.constraints);
    runners[i].chain = make(make_incremental_judge(std::move(moves)), i);
  }
  const std::uint64_t share = incumbent.clock().left() / runners.size();
  std::vector<std::uint64_t> taken(runners.size());
  while (!incumbent.exhausted()) {
    run_slice(runners, incumbent, options.threads, options.budget.evaluations ? share : 0, taken);
    for (std::size_t i = 0; i < runners.size(); ++i) {
      incumbent.spend(taken[i]);
      if (runners[i].chain->best_cost() < runners[i].told) {
        runners[i].told = runners[i].chain->best_cost();
        incumbent.offer(units.placement(runners[i].chain->best()));
      }
    }
    incumbent.report_if_due();
  }
}

}  // namespace

SearchResult run_chains(const Problem& problem, const SearchOptions& options,
                        const std::string& name, const ChainOptions& chains,
                        const MakeChain& make) {
  auto moves = problem.evaluator.incremental(problem.constraints);
  const UnitTable units(problem, moves == nullptr ? ~std::uint64_t{0} : moves->worthwhile());
  const Neighbourhood neighbourhood(units);
  Incumbent incumbent(problem, options, name);
  const std::vector<Choice> starts = starting_choices(problem, units, incumbent);
  const ChainContext context{neighbourhood, starts, options.seed};
  const auto make_one = [&](std::unique_ptr<MoveJudge> judge, std::uint64_t number) {
    return make(std::move(judge), context, number);
  };
  if (neighbourhood.empty()) {
    return incumbent.finish();
  }
  if (moves == nullptr) {
    run_alone(options, units, incumbent, chains, make_one);
  } else {
    run_side_by_side(problem, options, units, incumbent, chains.chains, std::move(moves), make_one);
  }
  return incumbent.finish();
}

}  // namespace placer
