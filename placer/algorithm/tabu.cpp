#include <algorithm>
#include <cmath>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"

namespace placer {
namespace {

struct TabuOptions {
  std::size_t candidates = 32;
  std::size_t tenure = 0;
  std::size_t patience = 0;
  ChainOptions chains;
};

TabuOptions parse(ParameterList given) {
  TabuOptions result;
  Parameters parameters("tabu", given);
  result.candidates = static_cast<std::size_t>(parameters.integer("candidates", 32, 1, 4096));
  result.tenure = static_cast<std::size_t>(parameters.integer("tenure", 0, 0, 1'000'000));
  result.patience = static_cast<std::size_t>(parameters.integer("patience", 0, 0, 1'000'000'000));
  result.chains.chains = static_cast<std::size_t>(parameters.integer("chains", 0, 0, 1024));
  result.chains.batch = result.candidates;
  parameters.check();
  return result;
}

class TabuChain : public MoveChain {
 public:
  TabuChain(std::unique_ptr<MoveJudge> judge, const ChainContext& context, std::uint64_t number,
            const TabuOptions& options)
      : MoveChain(std::move(judge), context, "tabu", number, options.candidates),
        free_at_(context.neighbourhood.units().size()) {
    const std::size_t units = free_at_.size();
    tenure_ = options.tenure != 0
                  ? options.tenure
                  : 5 + static_cast<std::size_t>(std::sqrt(static_cast<double>(units)));
    patience_ = options.patience != 0 ? options.patience : std::max<std::size_t>(100, 8 * units);
  }

 private:
  bool ready(Quota& quota) override {
    return (started() && without_gain_ < patience_) || restart(quota);
  }

  bool restart(Quota& quota) {
    constexpr double kKick = 0.1;
    Choice from;
    if (unused_start() || best().empty()) {
      from = next_start();
    } else {
      from.assign(best().begin(), best().end());
      neighbourhood().kick(rng(), kKick, from);
    }
    if (!start(quota, from)) {
      return false;
    }
    without_gain_ = 0;
    reached_ = judge().value();
    return true;
  }

  // Makes the best that is allowed, better or not.
  void decide(std::size_t count) override {
    std::size_t chosen = count;
    for (std::size_t i = 0; i < count; ++i) {
      const bool wins = chosen == count || better(value(i), value(chosen));
      chosen = wins && !is_tabu(i) ? i : chosen;
    }
    ++now_;
    ++without_gain_;
    if (chosen == count) {
      return;
    }
    for (const Step& moved : move(chosen)) {
      free_at_[moved.unit] = now_ + tenure_ + rng().below(tenure_);
    }
    make(chosen);
    if (better(judge().value(), reached_)) {
      reached_ = judge().value();
      without_gain_ = 0;
    }
  }

  // A unit that was moved lately; moves to a new best are free (aspiration).
  [[nodiscard]] bool is_tabu(std::size_t i) const {
    const bool held = std::any_of(move(i).begin(), move(i).end(),
                                  [&](const Step& step) { return free_at_[step.unit] > now_; });
    return held && !better(value(i), reached_);
  }

  std::size_t tenure_ = 0;
  std::size_t patience_ = 0;            // steps without gain before a restart
  std::vector<std::uint64_t> free_at_;  // [units]: step from which it may move again
  std::uint64_t now_ = 0;
  std::size_t without_gain_ = 0;
  MoveValue reached_;  // the best since the restart
};

class Tabu : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    return run_chains_of<TabuChain>(problem, options, "tabu", parse(options.parameters));
  }
};

}  // namespace

void check_tabu(ParameterList given) {
  static_cast<void>(parse(given));
}

std::unique_ptr<Algorithm> tabu() {
  return std::make_unique<Tabu>();
}

}  // namespace placer
