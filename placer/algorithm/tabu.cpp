#include <algorithm>
#include <array>
#include <cmath>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/starts.h"

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

class TabuChain : public Chain {
 public:
  TabuChain(std::unique_ptr<MoveJudge> judge, const Neighbourhood& neighbourhood,
            const std::vector<Choice>& starts, const TabuOptions& options, std::uint64_t seed,
            std::uint64_t number)
      : judge_(std::move(judge)),
        neighbourhood_(neighbourhood),
        starts_(starts),
        rng_(Rng::keyed(seed, std::array{fnv1a64("tabu"), number})),
        next_start_(number),
        moves_(options.candidates),
        values_(options.candidates),
        free_at_(neighbourhood.units().size()) {
    const std::size_t units = neighbourhood.units().size();
    tenure_ = options.tenure != 0
                  ? options.tenure
                  : 5 + static_cast<std::size_t>(std::sqrt(static_cast<double>(units)));
    patience_ = options.patience != 0 ? options.patience : std::max<std::size_t>(100, 8 * units);
  }

  void run(Quota& quota) override {
    while ((started_ && without_gain_ < patience_) || restart(quota)) {
      if (!step(quota)) {
        return;
      }
    }
  }

 private:
  bool restart(Quota& quota) {
    constexpr double kKick = 0.1;
    Choice start;
    if (next_start_ < starts_.size() || best().empty()) {
      start = starts_[next_start_++ % starts_.size()];
    } else {
      start.assign(best().begin(), best().end());
      neighbourhood_.kick(rng_, kKick, start);
    }
    if (!quota.take() || !judge_->start(start)) {
      return false;
    }
    keep_if_best(*judge_);
    started_ = true;
    without_gain_ = 0;
    reached_ = judge_->value();
    return true;
  }

  // Makes the best of the candidates that is not forbidden, better or not. False: the quota is
  // empty.
  bool step(Quota& quota) {
    std::size_t wanted = 0;
    while (wanted < moves_.size() && quota.take()) {
      neighbourhood_.propose(rng_, judge_->choice(), judge_->bottleneck(), moves_[wanted++]);
    }
    const std::size_t count = judge_->judge(std::span(moves_).first(wanted), values_);
    std::size_t chosen = count;
    for (std::size_t i = 0; i < count; ++i) {
      const bool wins = chosen == count || better(values_[i], values_[chosen]);
      chosen = wins && !is_tabu(i) ? i : chosen;
    }
    ++now_;
    ++without_gain_;
    if (chosen < count) {
      for (const Step& moved : moves_[chosen]) {
        free_at_[moved.unit] = now_ + tenure_ + rng_.below(tenure_);
      }
      judge_->commit(moves_[chosen], values_[chosen]);
      keep_if_best(*judge_);
      if (better(judge_->value(), reached_)) {
        reached_ = judge_->value();
        without_gain_ = 0;
      }
    }
    return wanted == moves_.size() && count == wanted;
  }

  // A unit that was moved lately; moves to a new best are free (aspiration).
  [[nodiscard]] bool is_tabu(std::size_t i) const {
    const bool held = std::any_of(moves_[i].begin(), moves_[i].end(),
                                  [&](const Step& step) { return free_at_[step.unit] > now_; });
    return held && !better(values_[i], reached_);
  }

  std::unique_ptr<MoveJudge> judge_;
  const Neighbourhood& neighbourhood_;
  const std::vector<Choice>& starts_;
  Rng rng_;
  std::size_t next_start_;
  std::size_t tenure_;
  std::size_t patience_;  // steps without gain before a restart
  std::vector<Move> moves_;
  std::vector<MoveValue> values_;
  std::vector<std::uint64_t> free_at_;  // [units]: step from which it may move again
  std::uint64_t now_ = 0;
  bool started_ = false;
  std::size_t without_gain_ = 0;
  MoveValue reached_;  // the best since the restart
};

class Tabu : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const TabuOptions parameters = parse(options.parameters);
    const UnitTable units(problem, worthwhile_devices(problem));
    const Neighbourhood neighbourhood(units);
    Incumbent incumbent(problem, options, "tabu");
    const std::vector<Choice> starts = starting_choices(problem, units, incumbent);
    if (!neighbourhood.empty()) {
      run_chains(problem, options, units, incumbent, parameters.chains,
                 [&](std::unique_ptr<MoveJudge> judge, std::uint64_t number) {
                   return std::make_unique<TabuChain>(std::move(judge), neighbourhood, starts,
                                                      parameters, options.seed, number);
                 });
    }
    return incumbent.finish();
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
