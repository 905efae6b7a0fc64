#include "placer/evaluate/interleave.h"

#include "placer/base/error.h"

namespace placer {

std::vector<Series> measure_interleaved(
    std::span<const Contender> contenders,
    const std::function<bool(std::span<const Series>)>& keep_going) {
  std::vector<Series> series(contenders.size());
  do {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      if (series[i].infeasible) continue;
      PLACER_CHECK(contenders[i].evaluator != nullptr, "a contender needs an evaluator");
      Outcome outcome = contenders[i].evaluator->evaluate_one(contenders[i].placement);
      if (outcome.feasible()) {
        series[i].seconds.push_back(outcome.step_time.seconds());
      } else {
        series[i].infeasible = std::move(outcome.infeasible);
      }
    }
  } while (keep_going(series));
  return series;
}

}  // namespace placer
