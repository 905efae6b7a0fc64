#include <algorithm>
#include <array>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/unit_table.h"

namespace placer {
namespace {

using Choice = std::vector<DeviceId>;

struct HillClimbOptions {
  std::size_t batch = 8;  // proposals judged at once, the best is taken: more use threads better,
                          // fewer use evaluations better
  std::size_t patience = 0;  // proposals without gain before a restart; 0: four for every unit and
                             // device, at least 200
  double kick = 0.05;        // share of the units that a restart moves
};

HillClimbOptions parse(ParameterList given) {
  HillClimbOptions result;
  Parameters parameters("hill-climb", given);
  result.batch = static_cast<std::size_t>(parameters.integer("batch", 8, 1, 4096));
  result.patience = static_cast<std::size_t>(parameters.integer("patience", 0, 0, 1'000'000'000));
  result.kick = parameters.number("kick", 0.05, 0, 1);
  parameters.check();
  return result;
}

// Draws changes to a choice.
class Proposals {
 public:
  Proposals(const UnitTable& units, std::uint64_t seed)
      : units_(units), rng_(Rng::keyed(seed, std::array<std::uint64_t, 1>{fnv1a64("hill-climb")})) {
    for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
      if (units.devices(unit).size() > 1) {
        movable_.push_back(unit);
      }
    }
  }

  [[nodiscard]] bool none() const { return movable_.empty(); }

  Choice random() {
    Choice choice;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      choice.push_back(units_.devices(unit)[rng_.below(units_.devices(unit).size())]);
    }
    return choice;
  }

  // A copy with one move. Of ten, six move one unit, two swap neighbours on different devices, two
  // move a run of units.
  //   busy  [devices] of `choice`, or empty
  Choice propose(const Choice& choice, const std::vector<SimTime>& busy) {
    Choice next = choice;
    const std::uint64_t kind = rng_.below(10);
    const std::uint32_t unit = pick(choice, busy);
    if (kind < 6) {
      next[unit] = target(choice, unit);
    } else if (kind < 8) {
      swap(next, unit);
    } else {
      move_run(next, unit);
    }
    return next;
  }

  // Moves a share of the units: far enough to leave the hill, near enough to keep most of what was
  // found.
  Choice kick(const Choice& choice, double share) {
    Choice next = choice;
    const auto count = std::max<std::size_t>(
        2, static_cast<std::size_t>(share * static_cast<double>(movable_.size())));
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t unit = movable_[rng_.below(movable_.size())];
      next[unit] = target(next, unit);
    }
    return next;
  }

 private:
  // Half of the time a unit of the busiest device, which is where time can be gained.
  std::uint32_t pick(const Choice& choice, const std::vector<SimTime>& busy) {
    const std::uint32_t any = movable_[rng_.below(movable_.size())];
    if (busy.empty() || rng_.below(2) == 0) {
      return any;
    }
    const auto busiest = id_at<DeviceId>(
        static_cast<std::size_t>(std::max_element(busy.begin(), busy.end()) - busy.begin()));
    for (int attempt = 0; attempt < 8; ++attempt) {
      const std::uint32_t unit = movable_[rng_.below(movable_.size())];
      if (choice[unit] == busiest) {
        return unit;
      }
    }
    return any;
  }

  // Another device for the unit; three of four times one that a neighbour is on.
  DeviceId target(const Choice& choice, std::uint32_t unit) {
    const auto neighbours = units_.neighbours(unit);
    if (!neighbours.empty() && rng_.below(4) != 0) {
      const DeviceId device = choice[neighbours[rng_.below(neighbours.size())]];
      if (device != choice[unit] && units_.may_use(unit, device)) {
        return device;
      }
    }
    const auto devices = units_.devices(unit);
    for (;;) {
      const DeviceId device = devices[rng_.below(devices.size())];
      if (device != choice[unit]) {
        return device;
      }
    }
  }

  void swap(Choice& choice, std::uint32_t unit) {
    const auto neighbours = units_.neighbours(unit);
    const std::uint32_t other = !neighbours.empty() && rng_.below(2) == 0
                                    ? neighbours[rng_.below(neighbours.size())]
                                    : movable_[rng_.below(movable_.size())];
    if (choice[unit] != choice[other] && units_.may_use(unit, choice[other]) &&
        units_.may_use(other, choice[unit])) {
      std::swap(choice[unit], choice[other]);
    } else {
      choice[unit] = target(choice, unit);
    }
  }

  // Units that follow one another in order, on to the device of the first one's target.
  void move_run(Choice& choice, std::uint32_t unit) {
    const DeviceId device = target(choice, unit);
    const std::uint64_t length = 2 + rng_.below(std::max<std::uint64_t>(units_.size() / 16, 2));
    for (std::size_t next = unit; next < units_.size() && next < unit + length; ++next) {
      if (units_.may_use(next, device)) {
        choice[next] = device;
      }
    }
  }

  const UnitTable& units_;
  Rng rng_;
  std::vector<std::uint32_t> movable_;  // units with more than one device
};

class HillClimb : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    HillClimbOptions parameters = parse(options.parameters);
    const UnitTable units(problem);
    if (parameters.patience == 0) {
      parameters.patience = std::max<std::size_t>(200, 4 * units.size() * units.num_devices());
    }
    Incumbent incumbent(problem, options, "hill-climb");
    Proposals proposals(units, options.seed);
    std::vector<Choice> starts = first_starts(units, incumbent);
    for (std::size_t round = 0; !incumbent.exhausted(); ++round) {
      Choice start;
      if (round < starts.size()) {
        start = starts[round];
      } else if (proposals.none()) {
        break;
      } else if (incumbent.best()) {
        start = proposals.kick(units.choice(*incumbent.best()), parameters.kick);
      } else {
        start = proposals.random();
      }
      climb(units, std::move(start), parameters, proposals, incumbent);
    }
    return incumbent.finish();
  }

 private:
  // The initial placements; without any, everything on each device.
  static std::vector<Choice> first_starts(const UnitTable& units, Incumbent& incumbent) {
    std::vector<Choice> starts;
    std::vector<Placement> placements = incumbent.evaluate_initial();
    if (placements.empty()) {
      for (std::size_t d = 0; d < units.num_devices(); ++d) {
        Choice choice;
        for (std::size_t unit = 0; unit < units.size(); ++unit) {
          const auto device = id_at<DeviceId>(d);
          choice.push_back(units.may_use(unit, device) ? device : units.devices(unit).front());
        }
        placements.push_back(units.placement(choice));
      }
      placements.resize(incumbent.evaluate(placements));
    }
    std::vector<std::size_t> order(placements.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return better(incumbent.outcomes()[a], incumbent.outcomes()[b]);
    });
    for (const std::size_t i : order) {
      Choice choice = units.choice(placements[i]);
      if (std::find(starts.begin(), starts.end(), choice) == starts.end()) {
        starts.push_back(std::move(choice));
      }
    }
    return starts;
  }

  // Goes uphill until `patience` proposals in a row gained nothing. Equal ones are taken too:
  // plateaus are common, since only what is on the critical path changes the step time.
  static void climb(const UnitTable& units, Choice current, const HillClimbOptions& parameters,
                    Proposals& proposals, Incumbent& incumbent) {
    Placement placement = units.placement(current);
    if (incumbent.evaluate({&placement, 1}) == 0 || proposals.none()) {
      return;
    }
    Outcome outcome = incumbent.outcomes().front();
    std::vector<Choice> choices(parameters.batch);
    std::vector<Placement> batch(parameters.batch);
    for (std::size_t without_gain = 0; without_gain < parameters.patience;) {
      for (std::size_t i = 0; i < parameters.batch; ++i) {
        choices[i] = proposals.propose(current, outcome.busy);
        batch[i] = units.placement(choices[i]);
      }
      const std::size_t count = incumbent.evaluate(batch);
      if (count == 0) {
        return;
      }
      std::size_t best = 0;
      for (std::size_t i = 1; i < count; ++i) {
        best = better(incumbent.outcomes()[i], incumbent.outcomes()[best]) ? i : best;
      }
      const Outcome& found = incumbent.outcomes()[best];
      without_gain = better(found, outcome) ? 0 : without_gain + count;
      if (!better(outcome, found)) {
        current = choices[best];
        outcome = found;
      }
    }
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
