#include "placer/evaluate/evaluator.h"

#include <tuple>

#include "placer/evaluate/incremental.h"

namespace placer {

Outcome Evaluator::evaluate_one(const Placement& placement) {
  Outcome outcome;
  evaluate({&placement, 1}, {&outcome, 1});
  return outcome;
}

std::unique_ptr<IncrementalEvaluator> Evaluator::incremental(const Constraints& /*constraints*/) {
  return nullptr;
}

bool better(const Outcome& a, const Outcome& b) {
  if (a.feasible() != b.feasible()) return a.feasible();
  if (a.feasible()) return a.cost() < b.cost();
  const auto badness = [](const Infeasible& reason) {
    return std::tuple(reason.reason != InfeasibleReason::kOutOfMemory, reason.missing);
  };
  return badness(*a.infeasible) < badness(*b.infeasible);
}

}  // namespace placer
