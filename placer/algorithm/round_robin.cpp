#include "placer/algorithm/baselines.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/proposal_judge.h"

namespace placer {
namespace {

class RoundRobin : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("round-robin", options.parameters).check();
    const UnitTable units(problem);
    std::vector<DeviceId> choice;
    std::size_t turn = 0;
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      while (!units.may_use(unit, id_at<DeviceId>(turn))) {
        turn = (turn + 1) % units.num_devices();
      }
      choice.push_back(id_at<DeviceId>(turn));
      turn = (turn + 1) % units.num_devices();
    }
    return judge_with_repair(problem, options, "round-robin", units, std::move(choice));
  }
};

}  // namespace

std::unique_ptr<Algorithm> round_robin() {
  return std::make_unique<RoundRobin>();
}

}  // namespace placer
