#include "policy/first_logits.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>

#include "placer/algorithm/starts.h"

namespace placer::policy {
namespace {

// Probabilities below the least normal float take many times as long to compute.
constexpr double kFarthest = 20;
// Of a device's memory that is filled: what arrives from other devices takes some too.
constexpr double kFull = 0.9;

// Ops that take no time have a place in the order too.
double work(SimTime time) {
  return static_cast<double>(std::max<std::int64_t>(time.ps, 1));
}

// [rows, devices]: the device of the row's unit is so likely that in the mean `elsewhere` rows of a
// sample, at most half of them, are on another.
std::vector<double> near(const Rows& rows, std::span<const DeviceId> choice, std::size_t devices,
                         double elsewhere) {
  const double share = std::min(elsewhere / static_cast<double>(rows.units.size()), 0.5);
  const double other = std::log(share / ((1 - share) * static_cast<double>(devices - 1)));
  std::vector<double> logits(rows.units.size() * devices, std::max(other, -kFarthest));
  for (std::size_t r = 0; r < rows.units.size(); ++r) {
    logits[r * devices + index(choice[rows.units[r]])] = 0;
  }
  return logits;
}

}  // namespace

Rows rows_of_units(const Problem& problem, const UnitTable& units) {
  double total = 0;
  for (std::size_t u = 0; u < units.size(); ++u) total += work(units.mean_time(u));
  Rows rows{.positions = std::vector<double>(units.size()),
            .units = std::vector<std::size_t>(units.size())};
  std::iota(rows.units.begin(), rows.units.end(), std::size_t{0});
  double before = 0;
  for (const std::size_t u : forward_order(problem, units)) {
    const double own = work(units.mean_time(u));
    rows.positions[u] = (before + own / 2) / total;
    before += own;
  }
  return rows;
}

Rows rows_of_nodes(const Problem& problem, const UnitTable& units) {
  const Rows of_units = rows_of_units(problem, units);
  const std::size_t nodes = problem.costs.graph().size();
  Rows rows{.positions = std::vector<double>(nodes), .units = std::vector<std::size_t>(nodes)};
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (const NodeId node : units.members(u)) {
      rows.positions[index(node)] = of_units.positions[u];
      rows.units[index(node)] = u;
    }
  }
  return rows;
}

Rows rows_of_groups(const Problem& problem, const UnitTable& units, std::size_t count) {
  const Rows of_units = rows_of_units(problem, units);
  const std::vector<std::size_t> order = forward_order(problem, units);
  Rows rows;
  std::size_t i = 0;
  for (std::size_t g = 0; g < count; ++g) {
    const double middle = (static_cast<double>(g) + 0.5) / static_cast<double>(count);
    while (i + 1 < order.size() && of_units.positions[order[i]] < middle) ++i;
    rows.positions.push_back(middle);
    rows.units.push_back(order[i]);
  }
  return rows;
}

std::vector<double> shares_of_work(const UnitTable& units) {
  std::vector<double> shares(units.num_devices());
  double total = 0;
  for (std::size_t d = 0; d < shares.size(); ++d) {
    const DeviceId device = id_at<DeviceId>(d);
    double mean = 0;
    double own = 0;
    for (std::size_t u = 0; u < units.size(); ++u) {
      if (!units.may_use(u, device)) continue;
      mean += work(units.mean_time(u));
      own += work(units.time(u, device));
    }
    shares[d] = own > 0 ? mean / own : 0;
    total += shares[d];
  }
  for (double& share : shares) share /= total;
  return shares;
}

std::vector<double> soft_runs(std::span<const double> positions, std::span<const double> shares,
                              double strength) {
  std::vector<double> logits;
  logits.reserve(positions.size() * shares.size());
  for (const double position : positions) {
    double begin = 0;
    for (const double share : shares) {
      const double end = begin + share;
      const double distance = std::max({0.0, begin - position, position - end});
      const double far = strength * distance * static_cast<double>(shares.size());
      logits.push_back(-std::min(far, kFarthest));
      begin = end;
    }
  }
  return logits;
}

std::vector<DeviceId> packed(const Problem& problem, const UnitTable& units) {
  const std::vector<double> speed = shares_of_work(units);
  std::vector<std::size_t> order(speed.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t d) { return speed[d]; });
  const auto room = [&](std::size_t run) {
    return kFull * static_cast<double>(problem.constraints.memory_limit[order[run]].count);
  };
  std::vector<DeviceId> choice(units.size());
  std::size_t run = 0;
  double held = 0;
  for (const std::size_t u : forward_order(problem, units)) {
    const auto own = static_cast<double>(units.bytes(u).count);
    if (run + 1 < order.size() && held + own > room(run)) {
      ++run;
      held = 0;
    }
    choice[u] = id_at<DeviceId>(order[run]);
    if (units.may_use(u, choice[u])) {
      held += own;
    } else {
      choice[u] = units.devices(u).front();
    }
  }
  if (run == 0) choice.clear();
  return choice;
}

std::vector<std::vector<double>> first_logits(const Problem& problem, const UnitTable& units,
                                              const Rows& rows, const FirstLogits& first) {
  std::vector<std::vector<double>> ways;
  if (first.runs > 0) {
    ways.push_back(soft_runs(rows.positions, shares_of_work(units), first.runs));
  }
  ways.emplace_back();
  const std::vector<DeviceId> choice =
      first.packing > 0 ? packed(problem, units) : std::vector<DeviceId>{};
  if (!choice.empty()) {
    ways.push_back(near(rows, choice, units.num_devices(), first.packing));
  }
  return ways;
}

}  // namespace placer::policy
