#include "policy/soft_runs.h"

#include <algorithm>
#include <cstdint>

namespace placer::policy {
namespace {

// Ops that take no time have a place in the order too.
double work(SimTime time) {
  return static_cast<double>(std::max<std::int64_t>(time.ps, 1));
}

// [devices]: share of the work that is done there when all are busy for equally long.
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

}  // namespace

std::vector<double> soft_runs(const UnitTable& units, double strength) {
  const std::vector<double> shares = shares_of_work(units);
  const std::size_t devices = shares.size();
  double total = 0;
  for (std::size_t u = 0; u < units.size(); ++u) total += work(units.mean_time(u));
  std::vector<double> logits(units.size() * devices);
  double before = 0;
  for (std::size_t u = 0; u < units.size(); ++u) {
    const double own = work(units.mean_time(u));
    const double position = (before + own / 2) / total;
    before += own;
    double begin = 0;
    for (std::size_t d = 0; d < devices; ++d) {
      const double end = begin + shares[d];
      const double distance = std::max({0.0, begin - position, position - end});
      if (units.may_use(u, id_at<DeviceId>(d))) {
        logits[u * devices + d] = -strength * distance * static_cast<double>(devices);
      }
      begin = end;
    }
  }
  return logits;
}

}  // namespace placer::policy
