#include <algorithm>
#include <optional>

#include "placer/algorithm/list_schedulers.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/proposal_judge.h"

namespace placer {
namespace {

// The device itself, else the next that the unit may use, else the last before.
DeviceId allowed_from(const UnitTable& units, std::size_t unit, DeviceId device) {
  const auto devices = units.devices(unit);
  const auto next = std::lower_bound(devices.begin(), devices.end(), device);
  return next == devices.end() ? devices.back() : *next;
}

class MTopo : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("m-topo", options.parameters).check();
    const UnitTable units(problem);
    return judge_with_repair(problem, options, "m-topo", units, m_topo_choice(problem, units));
  }
};

}  // namespace

std::vector<DeviceId> m_topo_choice(const Problem& problem, const UnitTable& units) {
  const std::size_t num_devices = units.num_devices();
  Bytes total;
  Bytes largest;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    total += units.bytes(unit);
    largest = std::max(largest, units.bytes(unit));
  }
  const Bytes cap = Bytes{total.count / static_cast<std::int64_t>(num_devices)} + largest;
  std::vector<Bytes> used(num_devices);
  const auto is_full = [&](std::size_t device, Bytes more) {
    const Bytes limit = std::min(cap, problem.constraints.memory_limit[device]);
    return used[device] + more > limit;
  };
  std::vector<DeviceId> choice;
  choice.reserve(units.size());
  std::size_t current = 0;
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    const Bytes bytes = units.bytes(unit);
    while (units.may_use(unit, id_at<DeviceId>(current)) && current + 1 < num_devices &&
           is_full(current, bytes)) {
      ++current;
    }
    const DeviceId device = allowed_from(units, unit, id_at<DeviceId>(current));
    used[index(device)] += bytes;
    choice.push_back(device);
  }
  return choice;
}

std::unique_ptr<Algorithm> m_topo() {
  return std::make_unique<MTopo>();
}

}  // namespace placer
