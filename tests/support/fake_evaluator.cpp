#include "tests/support/fake_evaluator.h"

#include <algorithm>

#include "placer/base/error.h"

namespace placer::test {

LoadEvaluator::LoadEvaluator(const CostModel& costs, const Constraints& constraints)
    : costs_(costs), constraints_(constraints) {}

void LoadEvaluator::evaluate(std::span<const Placement> placements, std::span<Outcome> results) {
  for (std::size_t i = 0; i < placements.size(); ++i) {
    if (before) {
      before();
    }
    ++evaluations_;
    judge(placements[i], results[i]);
  }
}

void LoadEvaluator::judge(const Placement& placement, Outcome& outcome) const {
  const Graph& graph = costs_.graph();
  const std::string violation = first_violation(graph, costs_.cluster(), constraints_, placement);
  PLACER_CHECK(violation.empty(), violation);
  outcome = {};
  outcome.busy.resize(costs_.cluster().size());
  outcome.peak_memory.resize(costs_.cluster().size());
  SimTime transfers;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    const NodeId id = id_at<NodeId>(v);
    const DeviceId device = placement.device[v];
    outcome.busy[index(device)] += costs_.op_time(id, device);
    for (const TensorSpec& output : graph.node(id).outputs) {
      outcome.peak_memory[index(device)] += output.alias_of ? Bytes{} : output.bytes;
    }
    for (const Use& use : graph.uses(id)) {
      const DeviceId reader = placement.device[index(use.consumer)];
      transfers += use.output == Use::kControl
                       ? costs_.signal_time(device, reader)
                       : costs_.transfer_time(graph.tensor({id, use.output}), device, reader);
    }
  }
  outcome.step_time = *std::max_element(outcome.busy.begin(), outcome.busy.end()) + transfers;
  for (std::size_t d = 0; d < outcome.peak_memory.size(); ++d) {
    const Bytes missing = outcome.peak_memory[d] - constraints_.memory_limit[d];
    if (missing.count > 0 && !outcome.infeasible) {
      outcome.infeasible = Infeasible{.reason = InfeasibleReason::kOutOfMemory,
                                      .device = id_at<DeviceId>(d),
                                      .node = {},
                                      .missing = missing,
                                      .text = "does not fit"};
    }
  }
}

}  // namespace placer::test
