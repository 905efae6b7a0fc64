#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/starts.h"

namespace placer {
namespace {

struct GeneticOptions {
  std::size_t population = 0;
  double elite = 0.2;
  double mutants = 0.15;
  double bias = 0.7;
  bool priorities = false;
};

GeneticOptions parse(ParameterList given) {
  GeneticOptions result;
  Parameters parameters("genetic", given);
  result.population = static_cast<std::size_t>(parameters.integer("population", 0, 0, 1'000'000));
  result.elite = parameters.number("elite", result.elite, 0.01, 0.5);
  result.mutants = parameters.number("mutants", result.mutants, 0, 0.5);
  result.bias = parameters.number("bias", result.bias, 0.5, 1);
  result.priorities = parameters.integer("priorities", 0, 0, 1) == 1;
  parameters.check();
  return result;
}

// Keys in [0, 1): one for each unit's device, then, with priorities, one for each node's.
using Keys = std::vector<double>;
struct Individual {
  Keys keys;
  Outcome outcome;
};

class Breeding {
 public:
  Breeding(const Problem& problem, const UnitTable& units, Incumbent& incumbent,
           GeneticOptions options, std::uint64_t seed)
      : units_(units),
        incumbent_(incumbent),
        options_(options),
        rng_(Rng::keyed(seed, std::array{fnv1a64("genetic")})),
        num_keys_(units.size() + (options.priorities ? problem.costs.graph().size() : 0)) {
    constexpr std::size_t kFewest = 20;
    constexpr std::size_t kMost = 200;
    if (options_.population == 0) {
      options_.population = std::clamp(2 * units.size(), kFewest, kMost);
    }
  }

  // The first generation: the starts, and random ones.
  bool begin(const std::vector<Choice>& starts) {
    std::vector<Keys> keys;
    for (const Choice& start : starts) {
      if (keys.size() < options_.population) {
        keys.push_back(encode(start));
      }
    }
    while (keys.size() < options_.population) {
      keys.push_back(mutant());
    }
    return judge(std::move(keys));
  }

  // The elite lives on; mutants come in; all others are children of one of the elite and one of
  // the rest. False: the budget is spent.
  bool next_generation() {
    std::stable_sort(
        population_.begin(), population_.end(),
        [](const Individual& a, const Individual& b) { return better(a.outcome, b.outcome); });
    const std::size_t elite = share(options_.elite);
    const std::size_t mutants = share(options_.mutants);
    std::vector<Keys> keys;
    for (std::size_t i = elite; i < population_.size(); ++i) {
      keys.push_back(i < elite + mutants ? mutant() : child(elite));
    }
    population_.resize(elite);
    return judge(std::move(keys));
  }

 private:
  [[nodiscard]] std::size_t share(double of) const {
    const auto count = static_cast<std::size_t>(of * static_cast<double>(population_.size()));
    return std::clamp<std::size_t>(count, 1, population_.size() - 1);
  }

  Keys mutant() {
    Keys keys(num_keys_);
    std::generate(keys.begin(), keys.end(), [&] { return rng_.uniform(); });
    return keys;
  }

  Keys child(std::size_t elite) {
    const Keys& better_parent = population_[rng_.below(elite)].keys;
    const Keys& other = population_[elite + rng_.below(population_.size() - elite)].keys;
    Keys keys(num_keys_);
    for (std::size_t i = 0; i < num_keys_; ++i) {
      keys[i] = rng_.uniform() < options_.bias ? better_parent[i] : other[i];
    }
    return keys;
  }

  Keys encode(const Choice& choice) {
    Keys keys = mutant();
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      const auto devices = units_.devices(unit);
      const auto at = std::find(devices.begin(), devices.end(), choice[unit]) - devices.begin();
      keys[unit] = (static_cast<double>(at) + 0.5) / static_cast<double>(devices.size());
    }
    return keys;
  }

  Placement decode(const Keys& keys) {
    constexpr double kLevels = 0x1p40;
    Choice choice;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      const auto devices = units_.devices(unit);
      choice.push_back(devices[static_cast<std::size_t>(
          std::floor(keys[unit] * static_cast<double>(devices.size())))]);
    }
    Placement placement = units_.placement(choice);
    for (std::size_t i = units_.size(); i < num_keys_; ++i) {
      placement.priority.push_back(static_cast<std::int64_t>(keys[i] * kLevels));
    }
    return placement;
  }

  bool judge(std::vector<Keys> keys) {
    std::vector<Placement> placements;
    placements.reserve(keys.size());
    for (const Keys& one : keys) {
      placements.push_back(decode(one));
    }
    const std::size_t count = incumbent_.evaluate(placements);
    for (std::size_t i = 0; i < count; ++i) {
      population_.push_back({std::move(keys[i]), incumbent_.outcomes()[i]});
    }
    return count == keys.size() && !incumbent_.exhausted();
  }

  const UnitTable& units_;
  Incumbent& incumbent_;
  GeneticOptions options_;
  Rng rng_;
  std::size_t num_keys_;
  std::vector<Individual> population_;
};

class Genetic : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const GeneticOptions parameters = parse(options.parameters);
    const UnitTable units(problem);
    Incumbent incumbent(problem, options, "genetic");
    const std::vector<Choice> starts = starting_choices(problem, units, incumbent);
    bool movable = parameters.priorities;
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      movable = movable || units.devices(unit).size() > 1;
    }
    Breeding breeding(problem, units, incumbent, parameters, options.seed);
    bool going = movable && !incumbent.exhausted() && breeding.begin(starts);
    while (going) {
      going = breeding.next_generation();
    }
    return incumbent.finish();
  }
};

}  // namespace

void check_genetic(ParameterList given) {
  static_cast<void>(parse(given));
}

std::unique_ptr<Algorithm> genetic() {
  return std::make_unique<Genetic>();
}

}  // namespace placer
