#include "simulator/latency.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "placer/evaluate/incremental.h"
#include "simulator/block_graph.h"
#include "simulator/formula.h"
#include "simulator/load_state.h"

namespace placer::sim {
namespace {

class LatencyFormula : public Formula {
 public:
  LatencyFormula(const CostModel& costs, const LoadTables& tables)
      : tables_(tables), state_(tables), blocks_(LoadModel(costs), tables) {}

  void judge(std::span<const DeviceId> device, Outcome& outcome) override {
    state_.load(device);
    blocks_.load(device);
    fill_loads(tables_, state_, outcome);
    const auto finish = blocks_.finish(state_.loads());
    outcome.step_time = finish ? tables_.time_of(*finish) : SimTime{};
    if (!finish && !outcome.infeasible) {
      outcome.infeasible = Infeasible{
          .reason = InfeasibleReason::kFailed,
          .device = std::nullopt,
          .node = std::nullopt,
          .missing = {},
          .text = "the accelerators' blocks depend on each other in a cycle (not contiguous)"};
    }
  }

 private:
  const LoadTables& tables_;
  LoadState state_;
  BlockGraph blocks_;
};

class LatencyMoves : public IncrementalEvaluator {
 public:
  LatencyMoves(const CostModel& costs, const Constraints& constraints)
      : tables_(LoadModel(costs), {constraints.unit_of, constraints.num_units},
                constraints.memory_limit),
        state_(tables_),
        blocks_(LoadModel(costs), tables_),
        num_nodes_(constraints.unit_of.size()),
        members_(constraints.num_units) {
    for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
      members_[constraints.unit_of[v]].push_back(id_at<NodeId>(v));
    }
  }

  void load(std::span<const DeviceId> choice) override {
    state_.load(choice);
    std::vector<DeviceId> device(num_nodes_);
    for (std::size_t unit = 0; unit < members_.size(); ++unit) {
      for (const NodeId node : members_[unit]) {
        device[index(node)] = choice[unit];
      }
    }
    blocks_.load(device);
    judge();
  }
  MoveValue move(std::uint32_t unit, DeviceId to) override {
    state_.move(unit, to);
    for (const NodeId node : members_[unit]) {
      blocks_.move(node, to);
    }
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
    const auto finish = blocks_.finish(state_.loads());
    double squares = 0;
    for (const std::int64_t load : state_.loads()) {
      squares += static_cast<double>(load) * static_cast<double>(load);
    }
    value_.cost = finish ? tables_.picoseconds(*finish) : std::numeric_limits<double>::infinity();
    value_.guide = std::sqrt(squares) * tables_.ps_per_tick;
    value_.overload_bytes = static_cast<double>(state_.overload());
  }

  LoadTables tables_;
  LoadState state_;
  BlockGraph blocks_;
  std::size_t num_nodes_;
  std::vector<std::vector<NodeId>> members_;  // [units]
  MoveValue value_;
};

class Latency : public FormulaEvaluator {
 public:
  Latency(const CostModel& costs, std::shared_ptr<const LoadTables> tables, int threads)
      : FormulaEvaluator(costs, "latency", threads,
                         [&] { return std::make_unique<LatencyFormula>(costs, *tables); }),
        costs_(costs),
        tables_(std::move(tables)) {}

  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    return std::make_unique<LatencyMoves>(costs_, constraints);
  }

 private:
  const CostModel& costs_;
  std::shared_ptr<const LoadTables> tables_;  // of the formulas
};

}  // namespace

std::unique_ptr<Evaluator> make_latency(const CostModel& costs, const Constraints& constraints,
                                        const SimulatorOptions& options) {
  const auto& limit =
      options.memory_limit.empty() ? constraints.memory_limit : options.memory_limit;
  auto tables = std::make_shared<const LoadTables>(LoadModel(costs),
                                                   each_node_alone(costs.graph().size()), limit);
  return std::make_unique<Latency>(costs, std::move(tables), options.threads);
}

}  // namespace placer::sim
