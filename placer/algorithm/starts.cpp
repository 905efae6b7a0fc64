#include "placer/algorithm/starts.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace placer {
namespace {

// Devices by the time of everything that they may run, the fastest first.
std::vector<DeviceId> by_speed(const UnitTable& units, std::vector<double>& speed) {
  std::vector<double> total(units.num_devices());
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    for (std::size_t d = 0; d < units.num_devices(); ++d) {
      const auto device = id_at<DeviceId>(d);
      // What it may not run counts as its mean time: a device is not fast for doing nothing.
      total[d] += static_cast<double>(units.may_use(unit, device) ? units.time(unit, device).ps
                                                                  : units.mean_time(unit).ps);
    }
  }
  std::vector<DeviceId> order;
  for (std::size_t d = 0; d < units.num_devices(); ++d) {
    speed.push_back(total[d] > 0 ? 1 / total[d] : 1);
    order.push_back(id_at<DeviceId>(d));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](DeviceId a, DeviceId b) { return speed[index(a)] > speed[index(b)]; });
  return order;
}

DeviceId fastest_allowed(const UnitTable& units, std::size_t unit,
                         const std::vector<DeviceId>& order) {
  return *std::find_if(order.begin(), order.end(),
                       [&](DeviceId device) { return units.may_use(unit, device); });
}

// One of contiguous_splits(): over the first `count` of the devices in `order`.
Choice contiguous_split(const Problem& problem, const UnitTable& units,
                        std::span<const std::size_t> units_in_order,
                        const std::vector<DeviceId>& order, std::span<const double> speed,
                        std::size_t count) {
  double all_speed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    all_speed += speed[index(order[i])];
  }
  double all_time = 0;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    all_time += static_cast<double>(units.mean_time(unit).ps);
  }
  Choice choice(units.size());
  std::size_t run = 0;
  double time = 0;
  double until = all_time * speed[index(order[0])] / all_speed;
  Bytes held;
  for (const std::size_t unit : units_in_order) {
    const double own = static_cast<double>(units.mean_time(unit).ps);
    const Bytes limit = problem.constraints.memory_limit[index(order[run])];
    if (run + 1 < count && (time + own / 2 > until || held + units.persistent(unit) > limit)) {
      ++run;
      held = {};
      until = std::max(until, time) + all_time * speed[index(order[run])] / all_speed;
    }
    time += own;
    held += units.persistent(unit);
    choice[unit] =
        units.may_use(unit, order[run]) ? order[run] : fastest_allowed(units, unit, order);
  }
  return choice;
}

}  // namespace

std::vector<std::size_t> forward_order(const Problem& problem, const UnitTable& units) {
  const Graph& graph = problem.costs.graph();
  const auto is_forward = [&](NodeId node) { return graph.node(node).pass == Pass::kForward; };
  std::vector<double> middles;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const auto nodes = units.members(u);
    const bool any = std::ranges::any_of(nodes, is_forward);
    double sum = 0;
    double all = 0;
    for (const NodeId node : nodes) {
      if (any && !is_forward(node)) continue;
      // Ops that take no time have a place too.
      const double work = std::max(problem.costs.mean_time(node).seconds(), 1e-12);
      sum += work * static_cast<double>(index(node));
      all += work;
    }
    middles.push_back(sum / all);
  }
  std::vector<std::size_t> order(units.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t u) { return middles[u]; });
  return order;
}

std::vector<Choice> contiguous_splits(const Problem& problem, const UnitTable& units) {
  std::vector<double> speed;
  const std::vector<DeviceId> order = by_speed(units, speed);
  const std::vector<std::size_t> units_in_order = forward_order(problem, units);
  std::vector<Choice> splits;
  for (std::size_t count = 1; count <= order.size(); ++count) {
    splits.push_back(contiguous_split(problem, units, units_in_order, order, speed, count));
  }
  return splits;
}

std::vector<Choice> starting_choices(const Problem& problem, const UnitTable& units,
                                     Incumbent& incumbent) {
  std::vector<Placement> placements;
  for (const Placement& placement : incumbent.evaluate_initial()) {
    placements.push_back(placement);
  }
  std::vector<Outcome> outcomes(incumbent.outcomes().begin(), incumbent.outcomes().end());
  std::vector<Placement> further;
  for (std::size_t d = 0; placements.empty() && d < units.num_devices(); ++d) {
    Choice choice;
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      const auto device = id_at<DeviceId>(d);
      choice.push_back(units.may_use(unit, device) ? device : units.devices(unit).front());
    }
    further.push_back(units.placement(choice));
  }
  for (const Choice& split : contiguous_splits(problem, units)) {
    further.push_back(units.placement(split));
  }
  further.resize(incumbent.evaluate(further));
  placements.insert(placements.end(), further.begin(), further.end());
  outcomes.insert(outcomes.end(), incumbent.outcomes().begin(), incumbent.outcomes().end());

  std::vector<std::size_t> order(placements.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return better(outcomes[a], outcomes[b]); });
  std::vector<Choice> starts;
  for (const std::size_t i : order) {
    Choice choice = units.choice(placements[i]);
    if (std::find(starts.begin(), starts.end(), choice) == starts.end()) {
      starts.push_back(std::move(choice));
    }
  }
  return starts;
}

}  // namespace placer
