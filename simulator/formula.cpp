#include "simulator/formula.h"

#include <utility>

#include "placer/base/error.h"
#include "simulator/infeasible.h"

namespace placer::sim {

FormulaEvaluator::FormulaEvaluator(const CostModel& costs, std::string name, int threads,
                                   const std::function<std::unique_ptr<Formula>()>& make,
                                   MakeMoves make_moves)
    : costs_(costs), name_(std::move(name)), pool_(threads), make_moves_(std::move(make_moves)) {
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    formulas_.push_back(make());
  }
}

void FormulaEvaluator::evaluate(std::span<const Placement> placements, std::span<Outcome> results) {
  PLACER_CHECK(placements.size() == results.size(), "one result per placement");
  pool_.run(placements.size(), [&](std::size_t first, std::size_t last, std::size_t thread) {
    for (std::size_t i = first; i < last; ++i) {
      evaluate_in(*formulas_[thread], placements[i], results[i]);
    }
  });
}

void FormulaEvaluator::evaluate_in(Formula& formula, const Placement& placement,
                                   Outcome& outcome) const {
  const Graph& graph = costs_.graph();
  PLACER_CHECK(placement.device.size() == graph.size(), "placement of another graph");
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const DeviceId device = placement.device[v];
    if ((costs_.supported(id_at<NodeId>(v)) >> index(device) & 1) == 0) {
      outcome.step_time = {};
      outcome.score.reset();
      outcome.busy.assign(costs_.cluster().size(), {});
      outcome.peak_memory.assign(costs_.cluster().size(), {});
      outcome.infeasible = unsupported(costs_, id_at<NodeId>(v), device);
      return;
    }
  }
  formula.judge(placement.device, outcome);
}

}  // namespace placer::sim
