#include "simulator/latency.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "simulator/block_graph.h"
#include "simulator/formula.h"
#include "simulator/load_objective.h"

namespace placer::sim {
namespace {

class LatencyFormula : public Formula {
 public:
  LatencyFormula(const CostModel& costs, std::shared_ptr<const LoadTables> tables)
      : tables_(std::move(tables)), state_(*tables_), blocks_(LoadModel(costs), *tables_) {}

  void judge(std::span<const DeviceId> device, Outcome& outcome) override {
    state_.load(device);
    blocks_.load(device);
    fill_loads(*tables_, state_, outcome);
    const auto finish = blocks_.finish(state_.loads());
    outcome.step_time = finish ? tables_->time_of(*finish) : SimTime{};
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
  std::shared_ptr<const LoadTables> tables_;
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

class LatencyMoves : public LoadMoves {
 public:
  LatencyMoves(const CostModel& costs, const Constraints& constraints)
      : LoadMoves(costs, constraints),
        blocks_(LoadModel(costs), tables()),
        worthwhile_(without_spare_hosts(LoadModel(costs), constraints, tables())),
        num_nodes_(constraints.unit_of.size()),
        members_(constraints.num_units) {
    for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
      members_[constraints.unit_of[v]].push_back(id_at<NodeId>(v));
    }
  }

  void load(std::span<const DeviceId> choice) override {
    state().load(choice);
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
    state().move(unit, to);
    for (const NodeId node : members_[unit]) {
      blocks_.move(node, to);
    }
    judge();
    return value();
  }
  [[nodiscard]] std::uint64_t worthwhile() const override { return worthwhile_; }

 private:
  void judge() {
    survey_loads();
    set_cost(blocks_.finish(state().loads()));
  }

  BlockGraph blocks_;
  std::uint64_t worthwhile_;
  std::size_t num_nodes_;
  std::vector<std::vector<NodeId>> members_;  // [units]
};

}  // namespace

std::unique_ptr<Evaluator> make_latency(const CostModel& costs, const Constraints& constraints,
                                        const SimulatorOptions& options) {
  return std::make_unique<FormulaEvaluator>(
      costs, "latency", options.threads,
      [&, tables = node_tables(costs, constraints, options)] {
        return std::make_unique<LatencyFormula>(costs, tables);
      },
      [](const auto&... of) { return std::make_unique<LatencyMoves>(of...); });
}

}  // namespace placer::sim
