#include "tools/placer/place/search_space.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "placer/algorithm/expanding_evaluator.h"
#include "placer/algorithm/incumbent.h"
#include "placer/evaluate/caching_evaluator.h"
#include "placer/evaluate/incremental.h"
#include "simulator/objective.h"
#include "tools/placer/constraint_flags.h"

namespace placer::cli {
namespace {

constexpr std::size_t kDefaultGroups = 256;
constexpr std::size_t kUngroupedNodes = 40;
// Devices of nodes that a cache may keep, 64 MiB; and placements at most.
constexpr std::size_t kCachedDevices = std::size_t{1} << 24;
constexpr std::size_t kCachedPlacements = std::size_t{1} << 16;

// An evaluator of ops, what lifts it to groups, and a cache in front, as one.
class OwnedChain : public Evaluator {
 public:
  OwnedChain(std::unique_ptr<Evaluator> of_ops, const Grouping* grouping, std::size_t searched)
      : of_ops_(std::move(of_ops)) {
    if (grouping != nullptr) {
      lifted_ = make_expanding_evaluator(*of_ops_, *grouping);
    }
    const std::size_t capacity = kCachedDevices / std::max<std::size_t>(searched, 1) + 1;
    cached_ = make_caching_evaluator(lifted_ ? *lifted_ : *of_ops_,
                                     std::min(capacity, kCachedPlacements));
  }

  void evaluate(std::span<const Placement> placements, std::span<Outcome> results) override {
    cached_->evaluate(placements, results);
  }
  [[nodiscard]] std::string name() const override { return cached_->name(); }
  [[nodiscard]] std::unique_ptr<IncrementalEvaluator> incremental(
      const Constraints& constraints) override {
    return cached_->incremental(constraints);
  }

 private:
  std::unique_ptr<Evaluator> of_ops_;
  std::unique_ptr<Evaluator> lifted_;
  std::unique_ptr<Evaluator> cached_;
};

}  // namespace

std::size_t search_threads() {
  return std::max(1U, std::thread::hardware_concurrency());
}

SearchSpace::Groups::Groups(const Workload& fine, const Cluster& cluster,
                            const CostModel& fine_costs, const Constraints& fine_constraints,
                            std::size_t max_groups)
    : grouping(group_nodes(fine_costs, fine_constraints, {.max_groups = max_groups})),
      workload(contract(fine, grouping)),
      costs(workload, cluster),
      constraints(contract(fine_constraints, grouping)) {}

SearchSpace::SearchSpace(const Workload& workload, const Cluster& cluster,
                         const ConstraintOptions& options, SearchSpaceOptions space)
    : objective_(std::move(space.objective)),
      model_(space.model),
      costs_(workload, cluster),
      constraints_(choose_constraints(costs_, options, objective_)) {
  const auto threads = static_cast<int>(search_threads());
  judge_ = make_judge(threads);
  const std::size_t nodes = workload.graph.size();
  const bool too_many = objective_ == kStepTime && nodes > kUngroupedNodes && nodes <= kLargeGraph;
  if (const std::size_t groups = space.max_groups.value_or(too_many ? kDefaultGroups : 0)) {
    groups_ = std::make_unique<Groups>(workload, cluster, costs_, constraints_, groups);
  }
  evaluator_ = make_evaluator(threads);
}

SearchSpace::~SearchSpace() = default;

std::vector<DeviceId> SearchSpace::usable_devices() const {
  std::uint64_t mask = 0;
  for (const std::uint64_t allowed : constraints_.allowed) {
    mask |= allowed;
  }
  std::vector<DeviceId> devices;
  for (std::size_t d = 0; d < costs_.cluster().size(); ++d) {
    if ((mask >> d & 1) != 0) {
      devices.push_back(id_at<DeviceId>(d));
    }
  }
  return devices;
}

std::unique_ptr<Evaluator> SearchSpace::make_judge(int threads) const {
  return sim::make_objective(
      objective_, costs_, constraints_,
      {.threads = threads, .memory_limit = constraints_.memory_limit, .model = model_});
}

std::unique_ptr<Evaluator> SearchSpace::make_evaluator(int threads) const {
  return std::make_unique<OwnedChain>(make_judge(threads), grouping(), size());
}

Problem SearchSpace::judged_by(Evaluator& searched) const {
  if (!groups_) {
    return {.costs = costs_, .constraints = constraints_, .evaluator = searched};
  }
  return {.costs = groups_->costs,
          .constraints = groups_->constraints,
          .evaluator = searched,
          .fine_graph = &costs_.graph(),
          .grouping = &groups_->grouping};
}

Problem SearchSpace::searched() {
  Problem problem = judged_by(*evaluator_);
  problem.make_evaluator = [this] { return make_evaluator(1); };
  return problem;
}

Problem SearchSpace::op_by_op() {
  return {
      .costs = costs_, .constraints = constraints_, .evaluator = *judge_, .make_evaluator = [this] {
        return make_judge(1);
      }};
}

Placement SearchSpace::from_ops(const Placement& fine) const {
  return groups_ ? conforming(groups_->constraints, coarsen(costs_, fine, groups_->grouping))
                 : conforming(constraints_, fine);
}

Placement SearchSpace::to_ops(const Placement& searched) const {
  return groups_ ? expand(searched, groups_->grouping) : searched;
}

std::optional<Constraints> SearchSpace::restricted_to(std::uint64_t mask) const {
  Constraints restricted = searched_constraints();
  for (std::uint64_t& allowed : restricted.allowed) {
    allowed &= mask;
    if (allowed == 0) {
      return std::nullopt;
    }
  }
  return restricted;
}

}  // namespace placer::cli
