#include "policy/soft_runs.h"

#include <algorithm>
#include <cstdint>

namespace placer::policy {
namespace {

// Probabilities below the least normal float take many times as long to compute.
constexpr double kFarthest = 20;

// Ops that take no time have a place in the order too.
double work(SimTime time) {
  return static_cast<double>(std::max<std::int64_t>(time.ps, 1));
}

// As positions_of_nodes(), but [units], ascending.
std::vector<double> positions_of_units(const UnitTable& units) {
  double total = 0;
  for (std::size_t u = 0; u < units.size(); ++u) total += work(units.mean_time(u));
  std::vector<double> positions;
  double before = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double own = work(units.mean_time(u));
    positions.push_back((before + own / 2) / total);
    before += own;
  }
  return positions;
}

}  // namespace

std::vector<double> positions_of_nodes(const UnitTable& units, std::size_t nodes) {
  const std::vector<double> of_units = positions_of_units(units);
  std::vector<double> positions(nodes);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (const NodeId node : units.members(u)) positions[index(node)] = of_units[u];
  }
  return positions;
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

std::vector<double> soft_runs(const UnitTable& units, double strength) {
  std::vector<double> logits =
      soft_runs(positions_of_units(units), shares_of_work(units), strength);
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (std::size_t d = 0; d < units.num_devices(); ++d) {
      if (!units.may_use(u, id_at<DeviceId>(d))) logits[u * units.num_devices() + d] = 0;
    }
  }
  return logits;
}

}  // namespace placer::policy
