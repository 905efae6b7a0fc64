#include "placer/algorithm/earliest_first.h"
#include "placer/algorithm/list_schedulers.h"

namespace placer {

Schedule m_etf_schedule(const Problem& problem, const UnitTable& units,
                        const ScheduleModel& model) {
  return EarliestFirst(problem, units, model, {}).run();
}

}  // namespace placer
