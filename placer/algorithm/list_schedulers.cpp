#include "placer/algorithm/list_schedulers.h"

#include <string>
#include <utility>

#include "placer/algorithm/parameters.h"

namespace placer {
namespace {

using MakeSchedule = Schedule (*)(const Problem&, const UnitTable&, const ScheduleModel&);

// A method without parameters.
class ListScheduler : public Algorithm {
 public:
  ListScheduler(std::string name, MakeSchedule make) : name_(std::move(name)), make_(make) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters(name_, options.parameters).check();
    const UnitTable units(problem);
    return judge_schedules(problem, options, name_, units, [&](const ScheduleModel& model) {
      return make_(problem, units, model);
    });
  }

 private:
  std::string name_;
  MakeSchedule make_;
};

}  // namespace

std::unique_ptr<Algorithm> heft() {
  return std::make_unique<ListScheduler>("heft", heft_schedule);
}

std::unique_ptr<Algorithm> cpop() {
  return std::make_unique<ListScheduler>("cpop", cpop_schedule);
}

std::unique_ptr<Algorithm> peft() {
  return std::make_unique<ListScheduler>("peft", peft_schedule);
}

std::unique_ptr<Algorithm> m_etf() {
  return std::make_unique<ListScheduler>("m-etf", m_etf_schedule);
}

void register_list_schedulers(AlgorithmRegistry& registry) {
  registry.add({"heft", "earliest finish time by upward rank (HEFT)", false, heft});
  registry.add(
      {"cpop", "a critical path on one device, the rest by earliest finish (CPOP)", false, cpop});
  registry.add({"peft", "earliest finish with an optimistic look ahead (PEFT)", false, peft});
  registry.add(
      {"m-topo", "topological order fills one device after another (m-TOPO)", false, m_topo});
  registry.add({"m-etf", "the op and device that can start first (m-ETF)", false, m_etf});
  registry.add({"m-sct", "m-ETF that keeps devices free for favourite children (m-SCT)", false,
                m_sct, check_m_sct});
}

}  // namespace placer
