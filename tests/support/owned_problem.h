#pragma once

// A problem that owns its parts, judged by a LoadEvaluator.

#include <utility>

#include "placer/algorithm/algorithm.h"
#include "tests/support/fake_evaluator.h"

namespace placer::test {

struct OwnedProblem {
  OwnedProblem(Workload given, Cluster machine, const ConstraintOptions& options)
      : workload(std::move(given)),
        cluster(std::move(machine)),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, options)),
        evaluator(costs, constraints) {}

  [[nodiscard]] Problem problem() {
    return {.costs = costs, .constraints = constraints, .evaluator = evaluator};
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  LoadEvaluator evaluator;
};

}  // namespace placer::test
