#include <algorithm>
#include <cmath>

#include "placer/algorithm/chains.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"

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

class AnnealingChain : public MoveChain {
 public:
  AnnealingChain(std::unique_ptr<MoveJudge> judge, const ChainContext& context,
                 std::uint64_t number, const AnnealingOptions& options)
      : MoveChain(std::move(judge), context, "annealing", number), options_(options) {
    const UnitTable& units = context.neighbourhood.units();
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      mean_bytes_ +=
          static_cast<double>(units.bytes(unit).count) / static_cast<double>(units.size());
    }
  }

 private:
  bool ready(Quota& quota) override {
    if (leg_ends(quota) && !begin_leg(quota)) {
      return false;
    }
    set_temperature(quota);
    return true;
  }

  bool leg_ends(const Quota& quota) const {
    return !started() || (leg_ < options_.legs && quota.fraction() >= leg_end_);
  }

  bool begin_leg(Quota& quota) {
    const bool from_best = leg_ > 0 && !best().empty();
    const Choice from = from_best ? Choice(best().begin(), best().end()) : next_start();
    if (!start(quota, from)) {
      return false;
    }
    leg_begin_ = leg_end_;
    ++leg_;
    // Each leg is half as long as the one before.
    leg_end_ = (1 - std::ldexp(1, -static_cast<int>(leg_))) /
               (1 - std::ldexp(1, -static_cast<int>(options_.legs)));
    const double cost = std::isfinite(judge().value().cost) ? judge().value().cost : 1;
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

  // Makes the first one that is accepted.
  void decide(std::size_t count) override {
    const double before = energy(judge().value());
    for (std::size_t i = 0; i < count; ++i) {
      if (accepts(energy(value(i)) - before)) {
        make(i);
        break;
      }
    }
    adapt_price();
  }

  // From a choice without value (a cycle of blocks) everything is accepted.
  bool accepts(double rise) {
    return !(rise > 0) || rng().uniform() < std::exp(-rise / temperature_);
  }

  void adapt_price() {
    constexpr int kEvery = 64;
    if (++since_price_ == kEvery) {
      since_price_ = 0;
      byte_price_ *= judge().value().overload_bytes > 0 ? 1.1 : 1 / 1.1;
    }
  }

  AnnealingOptions options_;
  double mean_bytes_ = 0;
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
    return run_chains_of<AnnealingChain>(problem, options, "annealing", parse(options.parameters));
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
