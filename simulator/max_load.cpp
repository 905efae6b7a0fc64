#include "simulator/max_load.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "placer/evaluate/incremental.h"
#include "simulator/contiguity.h"
#include "simulator/formula.h"
#include "simulator/load_state.h"

namespace placer::sim {
namespace {

class MaxLoadFormula : public Formula {
 public:
  MaxLoadFormula(const CostModel& costs, const LoadTables& tables, bool contiguous)
      : costs_(costs), tables_(tables), state_(tables) {
    if (contiguous) {
      contiguity_.emplace(costs.graph(), each_node_alone(costs.graph().size()));
    }
  }

  void judge(std::span<const DeviceId> device, Outcome& outcome) override {
    state_.load(device);
    fill_loads(tables_, state_, outcome);
    outcome.step_time = tables_.time_of(*std::ranges::max_element(state_.loads()));
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
  const LoadTables& tables_;
  LoadState state_;
  std::optional<Contiguity> contiguity_;
};

class MaxLoadMoves : public IncrementalEvaluator {
 public:
  MaxLoadMoves(const CostModel& costs, const Constraints& constraints)
      : tables_(LoadModel(costs), {constraints.unit_of, constraints.num_units},
                constraints.memory_limit),
        state_(tables_) {
    if (constraints.contiguous) {
      contiguity_.emplace(costs.graph(), UnitMap{constraints.unit_of, constraints.num_units});
    }
  }

  void load(std::span<const DeviceId> choice) override {
    state_.load(choice);
    judge();
  }
  MoveValue move(std::uint32_t unit, DeviceId to) override {
    state_.move(unit, to);
    judge();
    return value_;
  }
  [[nodiscard]] MoveValue value() const override { return value_; }
  [[nodiscard]] DeviceId device(std::uint32_t unit) const override { return state_.device(unit); }
  [[nodiscard]] DeviceId bottleneck() const override {
    return id_at<DeviceId>(static_cast<std::size_t>(std::ranges::max_element(state_.loads()) -
                                                    state_.loads().begin()));
  }

 private:
  void judge() {
    std::int64_t most = 0;
    double squares = 0;
    for (const std::int64_t load : state_.loads()) {
      most = std::max(most, load);
      squares += static_cast<double>(load) * static_cast<double>(load);
    }
    value_.cost = tables_.picoseconds(most);
    value_.guide = std::sqrt(squares) * tables_.ps_per_tick;
    value_.overload_bytes = static_cast<double>(state_.overload());
    if (contiguity_ && contiguity_->first_reentry(state_.devices())) {
      value_.cost = std::numeric_limits<double>::infinity();
    }
  }

  LoadTables tables_;
  LoadState state_;
  std::optional<Contiguity> contiguity_;
  MoveValue value_;
};

class MaxLoad : public FormulaEvaluator {
 public:
  MaxLoad(const CostModel& costs, std::shared_ptr<const LoadTables> tables, bool contiguous,
          int threads)
      : FormulaEvaluator(
            costs, "max-load", threads,
            [&] { return std::make_unique<MaxLoadFormula>(costs, *tables, contiguous); }),
        costs_(costs),
        tables_(std::move(tables)) {}

  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    return std::make_unique<MaxLoadMoves>(costs_, constraints);
  }

 private:
  const CostModel& costs_;
  std::shared_ptr<const LoadTables> tables_;  // of the formulas
};

}  // namespace

std::unique_ptr<Evaluator> make_max_load(const CostModel& costs, const Constraints& constraints,
                                         const SimulatorOptions& options) {
  const auto& limit =
      options.memory_limit.empty() ? constraints.memory_limit : options.memory_limit;
  auto tables = std::make_shared<const LoadTables>(LoadModel(costs),
                                                   each_node_alone(costs.graph().size()), limit);
  return std::make_unique<MaxLoad>(costs, std::move(tables), constraints.contiguous,
                                   options.threads);
}

}  // namespace placer::sim
