#include "tools/placer/place/candidates.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "placer/algorithm/expanding_evaluator.h"
#include "placer/algorithm/incumbent.h"
#include "placer/base/error.h"
#include "placer/evaluate/caching_evaluator.h"
#include "tools/placer/constraint_flags.h"

namespace placer::cli {
namespace {

constexpr std::uint64_t kScalingEvaluations = 2000;  // of each short search of device_scaling

SimTime time_of(const Candidate& candidate) {
  return candidate.simulated.step_time;
}

// Runs what is asked for in turn, and keeps each result.
class Proposer {
 public:
  Proposer(SearchSpace& space, const SearchPlan& plan, const Config& config, RunDirectory& run,
           const Shared& shared)
      : space_(space), plan_(plan), config_(config), run_(run), shared_(shared) {}

  void add(const std::string& name, Algorithm& algorithm, bool searches, const Problem& problem) {
    if (const auto kept = run_.result(name)) {
      restore(name, *kept, searches);
      return;
    }
    if (shared_.stop.stop_requested() && !found_.empty()) {
      return;
    }
    SearchOptions options;
    options.budget = plan_.each;
    options.seed = plan_.seed;
    options.stop = shared_.stop.get_token();
    options.progress = shared_.progress();
    options.checkpoint = searches ? run_.checkpoint(name) : "";
    options.metrics = [this, name](const std::string& json) { run_.add_metrics(name, json); };
    options.initial = searches ? initial_placements() : std::vector<Placement>{};
    options.parameters = parameters_of(config_, name);
    Candidate candidate = run_algorithm(space_, algorithm, name, problem, options);
    tell(candidate, shared_);
    candidate.searched = searches;
    if (candidate.found()) {
      keep(candidate, !shared_.stop.stop_requested());
    } else {
      without_.push_back(std::move(candidate));
    }
  }

  std::vector<Candidate> take() {
    found_.insert(found_.end(), without_.begin(), without_.end());
    return std::move(found_);
  }

 private:
  void restore(const std::string& name, const PlacementFile& file, bool searches) {
    Candidate candidate;
    candidate.algorithm = name;
    candidate.searched = searches;
    candidate.resumed = true;
    candidate.placement =
        bind_placement(file, space_.costs().graph(), space_.costs().cluster(), name);
    candidate.simulated = space_.simulator().evaluate_one(candidate.placement);
    candidate.evaluations = file.provenance.evaluations;
    keep(candidate, false);
  }

  void keep(const Candidate& candidate, bool finished) {
    const bool best = std::all_of(found_.begin(), found_.end(), [&](const Candidate& other) {
      return time_of(candidate) < time_of(other);
    });
    Provenance provenance;
    provenance.algorithm = candidate.algorithm;
    provenance.seed = plan_.seed;
    provenance.tool = tool_name();
    provenance.evaluations = candidate.evaluations;
    provenance.predicted_us = time_of(candidate).microseconds();
    const PlacementFile file =
        to_file(space_.costs().graph(), space_.costs().cluster(), candidate.placement, provenance);
    if (finished) {
      run_.keep_result(candidate.algorithm, file);
    }
    if (best) {
      run_.keep_best(file);
    }
    found_.push_back(candidate);
  }

  // The user's own placements, then with warm start what was found so far, best first.
  [[nodiscard]] std::vector<Placement> initial_placements() const {
    std::vector<Placement> initial;
    for (const Placement& placement : plan_.initial) {
      initial.push_back(space_.to_groups(placement));
    }
    if (plan_.warm_start) {
      std::vector<const Candidate*> heuristics;
      for (const Candidate& candidate : found_) {
        // Searches do not start from one another: the table compares them.
        if (!candidate.searched) {
          heuristics.push_back(&candidate);
        }
      }
      std::stable_sort(
          heuristics.begin(), heuristics.end(),
          [](const Candidate* a, const Candidate* b) { return time_of(*a) < time_of(*b); });
      for (const Candidate* candidate : heuristics) {
        initial.push_back(space_.to_groups(candidate->placement));
      }
    }
    return initial;
  }

  SearchSpace& space_;
  const SearchPlan& plan_;
  const Config& config_;
  RunDirectory& run_;
  const Shared& shared_;
  std::vector<Candidate> found_;
  std::vector<Candidate> without_;  // nothing found
};

int simulator_threads() {
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

SearchSpace::SearchSpace(const Workload& workload, const Cluster& cluster,
                         const ConstraintOptions& options, std::size_t max_groups)
    : costs_(workload, cluster),
      constraints_(choose_constraints(costs_, options)),
      grouping_(group_nodes(costs_, constraints_, {.max_groups = max_groups})),
      coarse_(contract(workload, grouping_)),
      coarse_costs_(coarse_, cluster),
      coarse_constraints_(contract(constraints_, grouping_)),
      simulator_(sim::make_simulator(
          costs_, {.threads = simulator_threads(), .memory_limit = constraints_.memory_limit})),
      expanding_(make_expanding_evaluator(*simulator_, grouping_)),
      cached_(make_caching_evaluator(*expanding_)) {}

Problem SearchSpace::simulated() {
  return judged_by(*cached_);
}

Problem SearchSpace::judged_by(Evaluator& coarse) {
  return {.costs = coarse_costs_,
          .constraints = coarse_constraints_,
          .evaluator = coarse,
          .fine_graph = &costs_.graph(),
          .grouping = &grouping_};
}

Problem SearchSpace::op_by_op() {
  return {.costs = costs_, .constraints = constraints_, .evaluator = *simulator_};
}

Placement SearchSpace::to_groups(const Placement& fine) const {
  return conforming(coarse_constraints_, coarsen(costs_, fine, grouping_));
}

std::optional<Constraints> SearchSpace::restricted_to(std::uint64_t mask) const {
  Constraints restricted = coarse_constraints_;
  for (std::uint64_t& allowed : restricted.allowed) {
    allowed &= mask;
    if (allowed == 0) {
      return std::nullopt;
    }
  }
  return restricted;
}

Candidate run_algorithm(SearchSpace& space, Algorithm& algorithm, const std::string& name,
                        const Problem& problem, const SearchOptions& options) {
  const SearchResult result = algorithm.run(problem, options);
  Candidate candidate;
  candidate.algorithm = name;
  if (result.best) {
    const bool by_groups = problem.grouping != nullptr;
    candidate.placement = by_groups ? expand(*result.best, space.grouping()) : *result.best;
    candidate.simulated = space.simulator().evaluate_one(candidate.placement);
  } else {
    candidate.simulated = result.outcome;
    if (candidate.simulated.feasible()) {
      candidate.simulated.infeasible.emplace().text = "there was no time to try any";
    }
  }
  candidate.trouble = result.trouble;
  candidate.evaluations = result.evaluations;
  candidate.seconds = result.seconds;
  return candidate;
}

std::vector<std::pair<std::string, std::string>> parameters_of(const Config& config,
                                                               const std::string& algorithm) {
  const auto given = config.parameters.find(algorithm);
  if (given == config.parameters.end()) {
    return {};
  }
  return {given->second.begin(), given->second.end()};
}

void tell(const Candidate& candidate, const Shared& shared) {
  if (!candidate.trouble.empty()) {
    shared.warn(candidate.algorithm + " ended early: " + candidate.trouble);
  }
  if (!candidate.found()) {
    shared.note(candidate.algorithm + ": found nothing that can run");
  }
}

std::vector<Candidate> propose(SearchSpace& space, const AlgorithmRegistry& registry,
                               const SearchPlan& plan, const Config& config, RunDirectory& run,
                               const Shared& shared) {
  Proposer proposer(space, plan, config, run, shared);
  const Cluster& cluster = space.costs().cluster();
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const auto device = id_at<DeviceId>(d);
    proposer.add("single:" + cluster.device(device).name, *single_device(device), false,
                 space.simulated());
  }
  for (const AlgorithmEntry& entry : registry.entries()) {
    if (!entry.searches) {
      proposer.add(entry.name, *entry.make(), false, space.simulated());
    }
  }
  proposer.add(kHeftByOps, *registry.find("heft").make(), false, space.op_by_op());
  for (const std::string& name : plan.searching) {
    proposer.add(name, *registry.find(name).make(), true, space.simulated());
  }
  return proposer.take();
}

std::vector<std::optional<SimTime>> device_scaling(SearchSpace& space,
                                                   const AlgorithmRegistry& registry,
                                                   std::uint64_t seed, const Shared& shared) {
  std::vector<std::optional<SimTime>> times;
  if (shared.stop.stop_requested()) {
    return times;
  }
  for (std::size_t count = 1; count <= space.costs().cluster().size(); ++count) {
    const std::uint64_t mask =
        count == kMaxDevices ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    const auto constraints = space.restricted_to(mask);
    if (!constraints) {
      times.emplace_back();
      continue;
    }
    const Problem full = space.simulated();
    const Problem problem{full.costs, *constraints, full.evaluator, full.fine_graph, full.grouping};
    SearchOptions options;
    options.budget.evaluations = kScalingEvaluations;
    options.seed = seed;
    options.stop = shared.stop.get_token();
    const Candidate candidate =
        run_algorithm(space, *registry.find("hill-climb").make(), "hill-climb", problem, options);
    times.push_back(candidate.simulated.feasible() ? std::optional(time_of(candidate))
                                                   : std::nullopt);
  }
  return times;
}

}  // namespace placer::cli
