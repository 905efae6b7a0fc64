#include <array>

#include "placer/algorithm/earliest_first.h"
#include "placer/algorithm/list_schedulers.h"
#include "placer/algorithm/parameters.h"

namespace placer {
namespace {

class MEtf : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("m-etf", options.parameters).check();
    const UnitTable units(problem);
    return judge_schedules(
        problem, options, "m-etf", units, std::array{Links::kFree, Links::kReserved},
        [&](const ScheduleModel& model) { return m_etf_schedule(problem, units, model); });
  }
};

}  // namespace

Schedule m_etf_schedule(const Problem& problem, const UnitTable& units,
                        const ScheduleModel& model) {
  return EarliestFirst(problem, units, model, {}).run();
}

std::unique_ptr<Algorithm> m_etf() {
  return std::make_unique<MEtf>();
}

}  // namespace placer
