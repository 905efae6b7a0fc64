#include <string>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/unit_table.h"
#include "placer/base/error.h"

namespace placer {
namespace {

class SingleDevice : public Algorithm {
 public:
  explicit SingleDevice(DeviceId device) : device_(device) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    const Cluster& cluster = problem.costs.cluster();
    PLACER_CHECK(index(device_) < cluster.size(), "no such device");
    const std::string name = "single:" + cluster.device(device_).name;
    Parameters(name, options.parameters).check();
    const UnitTable units(problem);
    SearchOptions unlimited;
    unlimited.progress = options.progress;
    Incumbent incumbent(problem, unlimited, name);
    const Placement placement = units.placement(choose(units));
    incumbent.evaluate({&placement, 1});
    return incumbent.finish();
  }

 private:
  // What may not go there goes where a neighbour of it is, else to its lowest device.
  [[nodiscard]] std::vector<DeviceId> choose(const UnitTable& units) const {
    std::vector<DeviceId> choice(units.size(), device_);
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      if (units.may_use(unit, device_)) {
        continue;
      }
      choice[unit] = units.devices(unit).front();
      for (const std::uint32_t neighbour : units.neighbours(unit)) {
        if (neighbour < unit && units.may_use(unit, choice[neighbour])) {
          choice[unit] = choice[neighbour];
          break;
        }
      }
    }
    return choice;
  }

  DeviceId device_;
};

}  // namespace

std::unique_ptr<Algorithm> single_device(DeviceId device) {
  return std::make_unique<SingleDevice>(device);
}

}  // namespace placer
