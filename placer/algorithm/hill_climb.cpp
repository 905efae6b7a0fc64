#include <algorithm>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"

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
class HillClimbChain : public MoveChain {
 public:
  HillClimbChain(std::unique_ptr<MoveJudge> judge, const ChainContext& context,
                 std::uint64_t number, const HillClimbOptions& options)
      : MoveChain(std::move(judge), context, "hill-climb", number),
        kick_(options.kick),
        patience_(options.patience) {
    const UnitTable& units = context.neighbourhood.units();
    if (patience_ == 0) {
      patience_ = std::max<std::size_t>(200, 4 * units.size() * units.num_devices());
    }
  }

 private:
  bool ready(Quota& quota) override {
    return (started() && without_gain_ < patience_) || restart(quota);
  }

  bool restart(Quota& quota) {
    Choice from;
    if (unused_start()) {
      from = next_start();
    } else if (best().empty()) {
      from = neighbourhood().random(rng());
    } else {
      from.assign(best().begin(), best().end());
      neighbourhood().kick(rng(), kick_, from);
    }
    without_gain_ = 0;
    return start(quota, from);
  }

  // Makes the best one, where it is no worse.
  void decide(std::size_t count) override {
    if (count == 0) {
      return;
    }
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < count; ++i) {
      chosen = better(value(i), value(chosen)) ? i : chosen;
    }
    const MoveValue before = judge().value();
    without_gain_ = better(value(chosen), before) ? 0 : without_gain_ + count;
    if (!better(before, value(chosen))) {
      make(chosen);
    }
  }

  double kick_;
  std::size_t patience_;
  std::size_t without_gain_ = 0;
};

class HillClimb : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    return run_chains_of<HillClimbChain>(problem, options, "hill-climb", parse(options.parameters));
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
