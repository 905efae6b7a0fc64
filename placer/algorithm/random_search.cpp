#include <array>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/unit_table.h"

namespace placer {
namespace {

std::size_t parse_batch(ParameterList given) {
  Parameters parameters("random", given);
  const auto batch = static_cast<std::size_t>(parameters.integer("batch", 32, 1, 4096));
  parameters.check();
  return batch;
}

class RandomSearch : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const std::size_t batch = parse_batch(options.parameters);
    const UnitTable units(problem);
    Incumbent incumbent(problem, options, "random");
    incumbent.evaluate_initial();
    std::vector<Placement> placements(batch);
    for (std::uint64_t sample = 0; !incumbent.exhausted();) {
      for (Placement& placement : placements) {
        placement = draw(units, Rng::keyed(options.seed, std::array{sample++}));
      }
      incumbent.evaluate(placements);
    }
    return incumbent.finish();
  }

 private:
  static Placement draw(const UnitTable& units, Rng rng) {
    std::vector<DeviceId> choice;
    choice.reserve(units.size());
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      choice.push_back(units.devices(unit)[rng.below(units.devices(unit).size())]);
    }
    return units.placement(choice);
  }
};

}  // namespace

void check_random_search(ParameterList given) {
  static_cast<void>(parse_batch(given));
}

std::unique_ptr<Algorithm> random_search() {
  return std::make_unique<RandomSearch>();
}

}  // namespace placer
