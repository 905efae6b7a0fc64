#include "simulator/latency.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
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

// Could everything on host `b` be on host `a` instead? Nodes on hosts never wait for one another, so
// that only times, room and permissions count.
bool stands_in(const LoadModel& model, const Constraints& constraints, const LoadTables& tables,
               std::size_t a, std::size_t b) {
  const auto all_bytes =
      std::accumulate(tables.memory.begin(), tables.memory.end(), std::int64_t{0});
  if (tables.domains.pool_of(a) != a || tables.domains.limit(a) < all_bytes) {
    return false;
  }
  for (std::size_t v = 0; v < constraints.allowed.size(); ++v) {
    const std::uint64_t allowed = constraints.allowed[v];
    const auto node = id_at<NodeId>(v);
    if ((allowed >> b & 1) != 0 &&
        ((allowed >> a & 1) == 0 ||
         model.time_us(node, id_at<DeviceId>(a)) > model.time_us(node, id_at<DeviceId>(b)))) {
      return false;
    }
  }
  return true;
}

// All devices but hosts that another host stands in for: of equals the first stays.
std::uint64_t without_spare_hosts(const LoadModel& model, const Constraints& constraints,
                                  const LoadTables& tables) {
  std::vector<std::size_t> hosts;
  for (std::size_t d = 0; d < tables.num_devices; ++d) {
    if (is_host(model.costs().cluster().device(id_at<DeviceId>(d)))) {
      hosts.push_back(d);
    }
  }
  std::uint64_t kept = ~std::uint64_t{0};
  for (const std::size_t b : hosts) {
    const bool spare = std::ranges::any_of(hosts, [&](std::size_t a) {
      return a != b && stands_in(model, constraints, tables, a, b) &&
             (a < b || !stands_in(model, constraints, tables, b, a));
    });
    kept &= spare ? ~(std::uint64_t{1} << b) : ~std::uint64_t{0};
  }
  return kept;
}

class LatencyMoves : public IncrementalEvaluator {
 public:
  LatencyMoves(const CostModel& costs, const Constraints& constraints)
      : tables_(LoadModel(costs), {constraints.unit_of, constraints.num_units},
                constraints.memory_limit),
        state_(tables_),
        blocks_(LoadModel(costs), tables_),
        worthwhile_(without_spare_hosts(LoadModel(costs), constraints, tables_)),
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
  [[nodiscard]] std::uint64_t worthwhile() const override { return worthwhile_; }

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
  std::uint64_t worthwhile_;
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
