#include <algorithm>
#include <array>
#include <cmath>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/starts.h"

namespace placer {
namespace {

struct AnnealingOptions {
  double temperature = 0.01;
  double cooling = 1e-3;
  double guide = 1e-3;
  std::size_t legs = 2;
  ChainOptions chains;
};

AnnealingOptions parse(ParameterList given) {
  AnnealingOptions result;
  Parameters parameters("annealing", given);
  result.temperature = parameters.number("temperature", result.temperature, 1e-9, 1e3);
  result.cooling = parameters.number("cooling", result.cooling, 1e-12, 1);
  result.guide = parameters.number("guide", result.guide, 0, 1);
  result.legs = static_cast<std::size_t>(parameters.integer("legs", 2, 1, 50));
  result.chains.chains = static_cast<std::size_t>(parameters.integer("chains", 0, 0, 1024));
  result.chains.batch = static_cast<std::size_t>(parameters.integer("batch", 4, 1, 4096));
  parameters.check();
  return result;
}

class AnnealingChain : public Chain {
 public:
  AnnealingChain(std::unique_ptr<MoveJudge> judge, const Neighbourhood& neighbourhood,
                 const std::vector<Choice>& starts, const AnnealingOptions& options,
                 std::uint64_t seed, std::uint64_t number)
      : judge_(std::move(judge)),
        neighbourhood_(neighbourhood),
        starts_(starts),
        options_(options),
        rng_(Rng::keyed(seed, std::array{fnv1a64("annealing"), number})),
        next_start_(number),
        moves_(judge_->batch()),
        values_(judge_->batch()) {
    for (std::size_t unit = 0; unit < neighbourhood.units().size(); ++unit) {
      mean_bytes_ += static_cast<double>(neighbourhood.units().bytes(unit).count) /
                     static_cast<double>(neighbourhood.units().size());
    }
  }

  void run(Quota& quota) override {
    for (;;) {
      if (leg_ends(quota) && !begin_leg(quota)) {
        return;
      }
      set_temperature(quota);
      if (!step(quota)) {
        return;
      }
    }
  }

 private:
  bool leg_ends(const Quota& quota) const {
    return !started_ || (leg_ < options_.legs && quota.fraction() >= leg_end_);
  }

  bool begin_leg(Quota& quota) {
    const bool from_best = leg_ > 0 && !best().empty();
    const Choice start =
        from_best ? Choice(best().begin(), best().end()) : starts_[next_start_++ % starts_.size()];
    if (!quota.take() || !judge_->start(start)) {
      return false;
    }
    keep_if_best(*judge_);
    started_ = true;
    leg_begin_ = leg_end_;
    ++leg_;
    // Each leg is half as long as the one before.
    leg_end_ = (1 - std::ldexp(1, -static_cast<int>(leg_))) /
               (1 - std::ldexp(1, -static_cast<int>(options_.legs)));
    const double cost = std::isfinite(judge_->value().cost) ? judge_->value().cost : 1;
    scale_ = cost > 0 ? cost : 1;
    byte_price_ = mean_bytes_ > 0 ? options_.temperature * scale_ / mean_bytes_ : scale_;
    return true;
  }

  void set_temperature(const Quota& quota) {
    const double done =
        std::clamp((quota.fraction() - leg_begin_) / (leg_end_ - leg_begin_), 0.0, 1.0);
    if (done != done_) {
      done_ = done;
      temperature_ = scale_ * options_.temperature * std::pow(options_.cooling, done);
    }
  }

  [[nodiscard]] double energy(const MoveValue& value) const {
    return value.cost + options_.guide * value.guide + byte_price_ * value.overload_bytes;
  }

  // False: the quota is empty.
  bool step(Quota& quota) {
    std::size_t wanted = 0;
    while (wanted < moves_.size() && quota.take()) {
      neighbourhood_.propose(rng_, judge_->choice(), judge_->bottleneck(), moves_[wanted++]);
    }
    const std::size_t count = judge_->judge(std::span(moves_).first(wanted), values_);
    const double before = energy(judge_->value());
    for (std::size_t i = 0; i < count; ++i) {
      if (accepts(energy(values_[i]) - before)) {
        judge_->commit(moves_[i], values_[i]);
        keep_if_best(*judge_);
        break;
      }
    }
    adapt_price();
    return wanted == moves_.size() && count == wanted;
  }

  // From a choice without value (a cycle of blocks) everything is accepted.
  bool accepts(double rise) {
    return !(rise > 0) || rng_.uniform() < std::exp(-rise / temperature_);
  }

  void adapt_price() {
    constexpr int kEvery = 64;
    if (++since_price_ == kEvery) {
      since_price_ = 0;
      byte_price_ *= judge_->value().overload_bytes > 0 ? 1.1 : 1 / 1.1;
    }
  }

  std::unique_ptr<MoveJudge> judge_;
  const Neighbourhood& neighbourhood_;
  const std::vector<Choice>& starts_;
  AnnealingOptions options_;
  Rng rng_;
  std::size_t next_start_;
  std::vector<Move> moves_;
  std::vector<MoveValue> values_;
  double mean_bytes_ = 0;
  bool started_ = false;
  std::size_t leg_ = 0;
  double leg_begin_ = 0;
  double leg_end_ = 0;
  double done_ = -1;
  double scale_ = 1;
  double temperature_ = 0;
  double byte_price_ = 0;
  int since_price_ = 0;
};

class Annealing : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const AnnealingOptions parameters = parse(options.parameters);
    const UnitTable units(problem, worthwhile_devices(problem));
    const Neighbourhood neighbourhood(units);
    Incumbent incumbent(problem, options, "annealing");
    const std::vector<Choice> starts = starting_choices(problem, units, incumbent);
    if (!neighbourhood.empty()) {
      run_chains(problem, options, units, incumbent, parameters.chains,
                 [&](std::unique_ptr<MoveJudge> judge, std::uint64_t number) {
                   return std::make_unique<AnnealingChain>(std::move(judge), neighbourhood, starts,
                                                           parameters, options.seed, number);
                 });
    }
    return incumbent.finish();
  }
};

}  // namespace

void check_annealing(ParameterList given) {
  static_cast<void>(parse(given));
}

std::unique_ptr<Algorithm> annealing() {
  return std::make_unique<Annealing>();
}

}  // namespace placer
