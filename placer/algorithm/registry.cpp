#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/baselines.h"
#include "placer/algorithm/exact.h"
#include "placer/algorithm/list_schedulers.h"
#include "placer/algorithm/local_search.h"
#include "placer/algorithm/multilevel.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/partitioners.h"
#include "placer/algorithm/portfolio.h"
#include "placer/base/error.h"
#include "placer/base/text.h"

namespace placer {

void AlgorithmRegistry::add(AlgorithmEntry entry) {
  const bool taken =
      std::any_of(entries_.begin(), entries_.end(),
                  [&](const AlgorithmEntry& other) { return other.name == entry.name; });
  PLACER_CHECK(!taken, entry.name);
  entries_.push_back(std::move(entry));
}

void AlgorithmRegistry::add_for_small_graphs(AlgorithmEntry entry) {
  entry.small_graphs_only = true;
  add(std::move(entry));
}

const AlgorithmEntry& AlgorithmRegistry::find(std::string_view name) const {
  std::vector<std::string> names;
  for (const AlgorithmEntry& entry : entries_) {
    if (entry.name == name) {
      return entry;
    }
    names.push_back(entry.name);
  }
  throw usage_error(fmt::format("unknown algorithm \"{}\"{}: there are {}", name,
                                did_you_mean(name, names), fmt::join(names, ", ")));
}

void AlgorithmRegistry::check_parameters(std::string_view name, ParameterList parameters) const {
  const AlgorithmEntry& entry = find(name);
  if (entry.check_parameters) {
    entry.check_parameters(parameters);
  } else {
    Parameters(entry.name, parameters).check();
  }
}

void AlgorithmRegistry::require_fitting(std::string_view name, std::size_t units) const {
  const AlgorithmEntry& entry = find(name);
  if (!entry.fits(units)) {
    throw usage_error(
        fmt::format("{} takes at most {} nodes or groups, not {}: --max-groups N makes N", name,
                    entry.most_units, units));
  }
}

void register_baselines(AlgorithmRegistry& registry) {
  registry.add({"round-robin", "groups to the devices in turn", false, round_robin});
  registry.add(
      {"expert", "layers in runs of equal time, as done by hand", false, expert, check_expert});
  register_list_schedulers(registry);
  registry.add_for_small_graphs({.name = "random",
                                 .description = "uniformly drawn placements",
                                 .searches = true,
                                 .make = random_search,
                                 .check_parameters = check_random_search,
                                 .control = true});
  register_partitioners(registry);
  register_exact(registry);
  register_multilevel(registry);
  register_local_search(registry);
  register_portfolio(registry);  // last: of all above
}

}  // namespace placer
