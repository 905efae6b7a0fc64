#include "simulator/objective.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "placer/base/error.h"
#include "placer/base/text.h"
#include "simulator/combined.h"
#include "simulator/latency.h"
#include "simulator/max_load.h"
#include "simulator/peak_memory.h"

namespace placer::sim {
namespace {

const std::vector<std::string> kNames = {"step-time", "max-load", "latency", "peak-memory"};

struct Term {
  double weight = 1;
  std::string name;
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

// "0.2*peak-memory" or "step-time".
Term parse_term(std::string_view text, std::string_view objective) {
  Term term;
  const auto star = text.find('*');
  if (star != std::string_view::npos) {
    const char* end = text.data() + star;
    const auto [stop, problem] = std::from_chars(text.data(), end, term.weight);
    if (problem != std::errc{} || stop != end || !(term.weight > 0 && term.weight <= 1e6)) {
      throw usage_error(
          fmt::format("objective \"{}\": weight \"{}\": expected a number above 0 "
                      "and at most 1e6",
                      objective, text.substr(0, star)));
    }
    text.remove_prefix(star + 1);
  }
  term.name = text;
  if (std::find(kNames.begin(), kNames.end(), term.name) == kNames.end()) {
    throw usage_error(
        fmt::format("unknown objective \"{}\"{}: there are {}, sums such as "
                    "step-time+0.2*peak-memory, and orders such as "
                    "max-load,peak-memory",
                    term.name, did_you_mean(term.name, kNames), fmt::join(kNames, ", ")));
  }
  return term;
}

std::unique_ptr<Evaluator> make_part(const std::string& name, const CostModel& costs,
                                     const Constraints& constraints,
                                     const SimulatorOptions& options) {
  if (name == "max-load") {
    return make_max_load(costs, constraints, options);
  }
  if (name == "latency") {
    return make_latency(costs, constraints, options);
  }
  return name == "peak-memory" ? make_peak_memory(costs, options) : make_simulator(costs, options);
}

}  // namespace

std::unique_ptr<Evaluator> make_objective(std::string_view objective, const CostModel& costs,
                                          const Constraints& constraints,
                                          const SimulatorOptions& options) {
  SimulatorOptions limited = options;
  if (limited.memory_limit.empty()) {
    limited.memory_limit = constraints.memory_limit;
  }
  std::vector<std::vector<Term>> levels;
  for (const std::string_view level : split(objective, ',')) {
    levels.emplace_back();
    for (const std::string_view term : split(level, '+')) {
      levels.back().push_back(parse_term(term, objective));
    }
  }
  if (levels.size() > 2) {
    throw usage_error(fmt::format("objective \"{}\": at most two can be put in order", objective));
  }
  if (levels.size() == 1 && levels[0].size() == 1) {
    return make_part(levels[0][0].name, costs, constraints, limited);
  }
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Evaluator>> parts;
  std::vector<double> units;
  std::vector<WeightedSum> sums(levels.size());
  for (std::size_t level = 0; level < levels.size(); ++level) {
    for (const Term& term : levels[level]) {
      const auto known = std::find(names.begin(), names.end(), term.name);
      const auto part = static_cast<std::size_t>(known - names.begin());
      if (known == names.end()) {
        names.push_back(term.name);
        parts.push_back(make_part(term.name, costs, constraints, limited));
        units.push_back(single_device_cost(*parts.back(), constraints));
      }
      sums[level].push_back({.part = part, .weight = term.weight, .unit = units[part]});
    }
  }
  return make_combined(std::string(objective), std::move(parts), std::move(sums));
}

}  // namespace placer::sim
