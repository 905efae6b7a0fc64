#include <algorithm>
#include <array>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/starts.h"

namespace placer {
namespace {

struct HillClimbOptions {
  std::size_t patience = 0;  // proposals without gain before a restart; 0: four for every unit and
                             // device, at least 200
  double kick = 0.05;        // share of the units that a restart moves
  ChainOptions chains;       // batch: proposals judged at once, the best is taken: more use threads
                             // better, fewer use evaluations better
};

HillClimbOptions parse(ParameterList given) {
  HillClimbOptions result;
  Parameters parameters("hill-climb", given);
  result.chains.batch = static_cast<std::size_t>(parameters.integer("batch", 8, 1, 4096));
  result.chains.chains = static_cast<std::size_t>(parameters.integer("chains", 0, 0, 1024));
  result.patience = static_cast<std::size_t>(parameters.integer("patience", 0, 0, 1'000'000'000));
  result.kick = parameters.number("kick", 0.05, 0, 1);
  parameters.check();
  return result;
}

// Goes uphill until `patience` proposals in a row gained nothing. Equal ones are taken too:
// plateaus are common, since only what is on the critical path changes the cost.
class HillClimbChain : public Chain {
 public:
  HillClimbChain(std::unique_ptr<MoveJudge> judge, const Neighbourhood& neighbourhood,
                 const std::vector<Choice>& starts, const HillClimbOptions& options,
                 std::uint64_t seed, std::uint64_t number)
      : judge_(std::move(judge)),
        neighbourhood_(neighbourhood),
        starts_(starts),
        options_(options),
        rng_(Rng::keyed(seed, std::array{fnv1a64("hill-climb"), number})),
        next_start_(number),
        moves_(judge_->batch()),
        values_(judge_->batch()) {}

  void run(Quota& quota) override {
    while ((started_ && without_gain_ < options_.patience) || restart(quota)) {
      if (!step(quota)) {
        return;
      }
    }
  }

 private:
  bool restart(Quota& quota) {
    Choice start;
    if (next_start_ < starts_.size()) {
      start = starts_[next_start_++];
    } else if (best().empty()) {
      start = neighbourhood_.random(rng_);
    } else {
      start.assign(best().begin(), best().end());
      neighbourhood_.kick(rng_, options_.kick, start);
    }
    if (!quota.take() || !judge_->start(start)) {
      return false;
    }
    keep_if_best(*judge_);
    started_ = true;
    without_gain_ = 0;
    return true;
  }

  // False: the quota is empty.
  bool step(Quota& quota) {
    std::size_t wanted = 0;
    while (wanted < moves_.size() && quota.take()) {
      neighbourhood_.propose(rng_, judge_->choice(), judge_->bottleneck(), moves_[wanted++]);
    }
    const std::size_t count = judge_->judge(std::span(moves_).first(wanted), values_);
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < count; ++i) {
      chosen = better(values_[i], values_[chosen]) ? i : chosen;
    }
    if (count > 0) {
      const MoveValue before = judge_->value();
      without_gain_ = better(values_[chosen], before) ? 0 : without_gain_ + count;
      if (!better(before, values_[chosen])) {
        judge_->commit(moves_[chosen], values_[chosen]);
        keep_if_best(*judge_);
      }
    }
    return wanted == moves_.size() && count == wanted;
  }

  std::unique_ptr<MoveJudge> judge_;
  const Neighbourhood& neighbourhood_;
  const std::vector<Choice>& starts_;
  HillClimbOptions options_;
  Rng rng_;
  std::size_t next_start_;
  std::vector<Move> moves_;
  std::vector<MoveValue> values_;
  bool started_ = false;
  std::size_t without_gain_ = 0;
};

class HillClimb : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    HillClimbOptions parameters = parse(options.parameters);
    const UnitTable units(problem, worthwhile_devices(problem));
    if (parameters.patience == 0) {
      parameters.patience = std::max<std::size_t>(200, 4 * units.size() * units.num_devices());
    }
    const Neighbourhood neighbourhood(units);
    Incumbent incumbent(problem, options, "hill-climb");
    const std::vector<Choice> starts = starting_choices(problem, units, incumbent);
    if (!neighbourhood.empty()) {
      run_chains(problem, options, units, incumbent, parameters.chains,
                 [&](std::unique_ptr<MoveJudge> judge, std::uint64_t number) {
                   return std::make_unique<HillClimbChain>(std::move(judge), neighbourhood, starts,
                                                           parameters, options.seed, number);
                 });
    }
    return incumbent.finish();
  }
};

}  // namespace

void check_hill_climb(ParameterList given) {
  static_cast<void>(parse(given));
}

std::unique_ptr<Algorithm> hill_climb() {
  return std::make_unique<HillClimb>();
}

}  // namespace placer
