#pragma once

// What the closed-form objectives have in common: batches over threads, and ops that cannot run
// where they were put.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "placer/cost/cost_model.h"
#include "placer/evaluate/evaluator.h"
#include "placer/evaluate/incremental.h"
#include "simulator/thread_pool.h"

namespace placer::sim {

// One formula with its scratch memory, for one thread.
class Formula {
 public:
  virtual ~Formula() = default;
  // Of a placement whose ops can all run; overwrites `outcome` and reuses its memory.
  virtual void judge(std::span<const DeviceId> device, Outcome& outcome) = 0;  // [nodes]
};

class FormulaEvaluator : public Evaluator {
 public:
  using MakeMoves =
      std::function<std::unique_ptr<IncrementalEvaluator>(const CostModel&, const Constraints&)>;

  // `costs` must outlive it; `make` is called once per thread, `make_moves` for incremental().
  FormulaEvaluator(const CostModel& costs, std::string name, int threads,
                   const std::function<std::unique_ptr<Formula>()>& make, MakeMoves make_moves);

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override;
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    return make_moves_(costs_, constraints);
  }

 private:
  void evaluate_in(Formula& formula, const Placement& placement, Outcome& outcome) const;

  const CostModel& costs_;
  std::string name_;
  ThreadPool pool_;
  std::vector<std::unique_ptr<Formula>> formulas_;  // one per thread
  MakeMoves make_moves_;
};

}  // namespace placer::sim
