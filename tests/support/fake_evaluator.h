#pragma once

// An evaluator that needs no simulator: the longest device's op time plus a charge for every cut
// tensor, and out of memory by the sum of all outputs. Small, deterministic, and with the trade-off
// of the real thing.

#include <functional>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/placement/constraints.h"

namespace placer::test {

class LoadEvaluator : public Evaluator {
 public:
  // Both outlive it.
  LoadEvaluator(const CostModel& costs, const Constraints& constraints);

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override;
  [[nodiscard]] std::string name() const override { return "load"; }

  [[nodiscard]] std::uint64_t evaluations() const { return evaluations_; }
  // Called before each evaluation.
  std::function<void()> before;

 private:
  void judge(const Placement& placement, Outcome& outcome) const;

  const CostModel& costs_;
  const Constraints& constraints_;
  std::uint64_t evaluations_ = 0;
};

}  // namespace placer::test
