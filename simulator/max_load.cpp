#include "simulator/max_load.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "simulator/contiguity.h"
#include "simulator/formula.h"
#include "simulator/load_objective.h"

namespace placer::sim {
namespace {

class MaxLoadFormula : public Formula {
 public:
  MaxLoadFormula(const CostModel& costs, std::shared_ptr<const LoadTables> tables, bool contiguous)
      : costs_(costs), tables_(std::move(tables)), state_(*tables_) {
    if (contiguous) {
      contiguity_.emplace(costs.graph(), each_node_alone(costs.graph().size()));
    }
  }

  void judge(std::span<const DeviceId> device, Outcome& outcome) override {
    state_.load(device);
    fill_loads(*tables_, state_, outcome);
    outcome.step_time = tables_->time_of(*std::ranges::max_element(state_.loads()));
    if (outcome.infeasible || !contiguity_) {
      return;
    }
    if (const auto node = contiguity_->first_reentry(device)) {
      const DeviceId at = device[index(*node)];
      outcome.infeasible = Infeasible{
          .reason = InfeasibleReason::kFailed,
          .device = at,
          .node = *node,
          .missing = {},
          .text = fmt::format("not contiguous: a path leaves {} and returns to it at node \"{}\"",
                              costs_.cluster().device(at).name, costs_.graph().node(*node).name)};
    }
  }

 private:
  const CostModel& costs_;
  std::shared_ptr<const LoadTables> tables_;
  LoadState state_;
  std::optional<Contiguity> contiguity_;
};

class MaxLoadMoves : public LoadMoves {
 public:
  MaxLoadMoves(const CostModel& costs, const Constraints& constraints)
      : LoadMoves(costs, constraints) {
    if (constraints.contiguous) {
      contiguity_.emplace(costs.graph(), UnitMap{constraints.unit_of, constraints.num_units});
    }
  }

  void load(std::span<const DeviceId> choice) override {
    state().load(choice);
    judge();
  }
  MoveValue move(std::uint32_t unit, DeviceId to) override {
    state().move(unit, to);
    judge();
    return value();
  }

 private:
  void judge() {
    set_cost(survey_loads());
    if (contiguity_ && contiguity_->first_reentry(state().devices())) {
      set_cost(std::nullopt);
    }
  }

  std::optional<Contiguity> contiguity_;
};

}  // namespace

std::unique_ptr<Evaluator> make_max_load(const CostModel& costs, const Constraints& constraints,
                                         const SimulatorOptions& options) {
  return std::make_unique<FormulaEvaluator>(
      costs, "max-load", options.threads,
      [&, tables = node_tables(costs, constraints, options)] {
        return std::make_unique<MaxLoadFormula>(costs, tables, constraints.contiguous);
      },
      [](const auto&... of) { return std::make_unique<MaxLoadMoves>(of...); });
}

}  // namespace placer::sim
