#include "tools/placer/place/candidates.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/portfolio.h"
#include "placer/algorithm/task_lanes.h"
#include "tools/placer/place/objective_text.h"

namespace placer::cli {
namespace {

constexpr std::uint64_t kScalingEvaluations = 2000;     // of each short search of device_scaling
constexpr std::uint64_t kLargeScalingEvaluations = 12;  // where an evaluation costs milliseconds
constexpr double kLeastSeconds = 0.05;                  // of a search that comes late
constexpr std::size_t kLeastNodesByOps = 2000;          // of a graph that is also searched by ops

constexpr const char* kOneHeuristic = "heft";

// A heuristic and its name in the table.
struct Heuristic {
  std::string name;
  std::function<std::unique_ptr<Algorithm>()> make;
};

std::vector<Heuristic> heuristics_of(const AlgorithmRegistry& registry, const SearchSpace& space,
                                     bool one) {
  std::vector<Heuristic> heuristics;
  for (const DeviceId device : space.usable_devices()) {
    heuristics.push_back({"single:" + space.costs().cluster().device(device).name,
                          [device] { return single_device(device); }});
  }
  const bool large = space.objective() == kStepTime && space.size() > kLargeGraph;
  for (const AlgorithmEntry& entry : registry.entries()) {
    const bool wanted = one ? entry.name == kOneHeuristic : !(large && entry.small_graphs_only);
    if (!entry.searches && wanted) {
      heuristics.push_back({entry.name, entry.make});
    }
  }
  return heuristics;
}

Candidate to_candidate(SearchSpace& space, const std::string& name, const Problem& problem,
                       SearchResult result) {
  Candidate candidate;
  candidate.algorithm = name;
  if (result.best) {
    const bool by_groups = problem.grouping != nullptr;
    candidate.placement = by_groups ? space.to_ops(*result.best) : *std::move(result.best);
    candidate.predicted = space.judge().evaluate_one(candidate.placement);
  } else {
    candidate.predicted = result.outcome;
    if (candidate.predicted.feasible()) {
      candidate.predicted.infeasible.emplace().text = "there was no time to try any";
    }
  }
  candidate.trouble = result.trouble;
  candidate.evaluations = result.evaluations;
  candidate.seconds = result.seconds;
  if (problem.grouping == nullptr) {
    candidate.lower_bound = result.lower_bound;
  }
  candidate.found_by = std::move(result.found_by);
  candidate.members = std::move(result.members);
  candidate.history = std::move(result.history);
  return candidate;
}

// Runs what is asked for, and keeps each result.
class Proposer {
 public:
  Proposer(SearchSpace& space, const SearchPlan& plan, const Config& config, RunDirectory& run,
           const Shared& shared)
      : space_(space),
        plan_(plan),
        config_(config),
        run_(run),
        shared_(shared),
        start_(std::chrono::steady_clock::now()) {}

  void add_given() {
    for (const GivenPlacement& given : plan_.given) {
      Candidate candidate;
      candidate.algorithm = "given:" + given.file;
      candidate.placement = conforming(space_.constraints(), given.placement);
      candidate.predicted = space_.judge().evaluate_one(candidate.placement);
      if (candidate.predicted.feasible()) {
        keep(candidate, false);
      } else {
        shared_.warn(candidate.algorithm + ": " + candidate.predicted.infeasible->text);
      }
    }
  }

  void add_heuristics(const Problem& problem, const std::vector<Heuristic>& heuristics) {
    std::vector<SearchTask> tasks;
    for (const auto& [name, make] : heuristics) {
      if (!run_.result(name)) {
        SearchTask task{name, make, options(name)};
        task.options.budget.seconds = plan_.budget.seconds;
        tasks.push_back(std::move(task));
      }
    }
    std::vector<SearchResult> results = TaskLanes(problem, search_threads()).run(tasks);
    auto result = results.begin();
    for (const auto& [name, make] : heuristics) {
      if (const auto kept = run_.result(name)) {
        restore(name, *kept, false);
      } else {
        take(to_candidate(space_, name, problem, std::move(*result++)));
      }
    }
  }

  // One of those that search a problem of the space; `after`: how many are still to come.
  void add_search(const std::string& name, Algorithm& algorithm, const Problem& problem,
                  std::size_t after) {
    if (const auto kept = run_.result(name)) {
      restore(name, *kept, true);
      return;
    }
    if (shared_.stop.stop_requested() && !found_.empty()) {
      return;
    }
    SearchOptions search = options(name);
    search.budget = plan_.budget;
    if (search.budget.seconds) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
      search.budget.seconds = std::max(kLeastSeconds, (*search.budget.seconds - passed.count()) /
                                                          static_cast<double>(after + 1));
    }
    search.progress = shared_.progress();
    search.checkpoint = run_.checkpoint(name);
    search.metrics = [this, name](const std::string& json) { run_.add_metrics(name, json); };
    search.initial = initial_placements(problem);
    search.heuristics_tried = plan_.warm_start && is_searched(problem);
    search.threads = search_threads();
    Candidate candidate = run_algorithm(space_, algorithm, name, problem, search);
    candidate.searched = true;
    take(std::move(candidate));
  }

  std::vector<Candidate> take_all() {
    found_.insert(found_.end(), without_.begin(), without_.end());
    return std::move(found_);
  }

 private:
  [[nodiscard]] SearchOptions options(const std::string& name) const {
    SearchOptions options;
    options.seed = plan_.seed;
    options.stop = shared_.stop.get_token();
    options.parameters = parameters_of(config_.parameters, name);
    return options;
  }

  void take(Candidate candidate) {
    tell(candidate, shared_);
    if (candidate.found()) {
      keep(candidate, !shared_.stop.stop_requested());
    } else {
      without_.push_back(std::move(candidate));
    }
  }

  void restore(const std::string& name, const PlacementFile& file, bool searches) {
    Candidate candidate;
    candidate.algorithm = name;
    candidate.searched = searches;
    candidate.resumed = true;
    candidate.placement =
        bind_placement(file, space_.costs().graph(), space_.costs().cluster(), name);
    candidate.predicted = space_.judge().evaluate_one(candidate.placement);
    candidate.evaluations = file.provenance.evaluations;
    keep(candidate, false);
  }

  void keep(const Candidate& candidate, bool finished) {
    const bool best = std::all_of(found_.begin(), found_.end(), [&](const Candidate& other) {
      return better(candidate.predicted, other.predicted);
    });
    const PlacementFile file =
        to_file(space_.costs().graph(), space_.costs().cluster(), candidate.placement,
                provenance_of(space_, candidate.algorithm, plan_.seed, candidate.evaluations,
                              candidate.predicted));
    if (finished) {
      run_.keep_result(candidate.algorithm, file);
    }
    if (best) {
      run_.keep_best(file);
    }
    found_.push_back(candidate);
  }

  // Whether it is what the heuristics were run on, not the ops where groups are searched.
  [[nodiscard]] bool is_searched(const Problem& problem) const {
    return problem.grouping == space_.grouping();
  }

  // The user's own placements, then with warm start what was found so far, best first.
  [[nodiscard]] std::vector<Placement> initial_placements(const Problem& problem) const {
    const auto of_level = [&](const Placement& fine) {
      return is_searched(problem) ? space_.from_ops(fine) : fine;
    };
    std::vector<Placement> initial;
    for (const GivenPlacement& given : plan_.given) {
      initial.push_back(of_level(given.placement));
    }
    if (plan_.warm_start) {
      std::vector<const Candidate*> heuristics;
      for (const Candidate& candidate : found_) {
        // Searches do not start from one another: the table compares them.
        if (!candidate.searched) {
          heuristics.push_back(&candidate);
        }
      }
      std::stable_sort(heuristics.begin(), heuristics.end(),
                       [](const Candidate* a, const Candidate* b) {
                         return better(a->predicted, b->predicted);
                       });
      for (const Candidate* candidate : heuristics) {
        initial.push_back(of_level(candidate->placement));
      }
    }
    return initial;
  }

  SearchSpace& space_;
  const SearchPlan& plan_;
  const Config& config_;
  RunDirectory& run_;
  const Shared& shared_;
  std::chrono::steady_clock::time_point start_;
  std::vector<Candidate> found_;
  std::vector<Candidate> without_;  // nothing found
};

}  // namespace

Provenance provenance_of(const SearchSpace& space, const std::string& algorithm, std::uint64_t seed,
                         std::uint64_t evaluations, const Outcome& predicted) {
  Provenance provenance;
  provenance.algorithm = algorithm;
  provenance.seed = seed;
  provenance.tool = tool_name();
  provenance.evaluations = evaluations;
  if (space.objective() == kStepTime) {
    provenance.predicted_us = predicted.step_time.microseconds();
  } else {
    provenance.objective = space.objective();
    provenance.objective_value = ObjectiveText(space.objective()).full(predicted);
  }
  provenance.predicted_peak_memory = predicted.peak_memory;
  return provenance;
}

Candidate run_algorithm(SearchSpace& space, Algorithm& algorithm, const std::string& name,
                        const Problem& problem, const SearchOptions& options) {
  return to_candidate(space, name, problem, algorithm.run(problem, options));
}

std::unique_ptr<Algorithm> make_search(const AlgorithmRegistry& registry, const std::string& name,
                                       const Config& config, const SearchSpace& space) {
  if (name != kAuto) {
    return registry.find(name).make();
  }
  const bool by_steps = space.objective() == kStepTime;
  std::vector<PortfolioMember> members;
  for (const AlgorithmEntry& entry : registry.entries()) {
    const bool left_out = entry.learns && !(entry.name == kLearner && by_steps);
    if (entry.searches && !entry.control && !left_out && entry.name != kAuto) {
      members.push_back({entry, parameters_of(config.parameters, entry.name)});
    }
  }
  return portfolio(std::move(members));
}

std::vector<std::pair<std::string, std::string>> parameters_of(
    const AlgorithmParameters& parameters, const std::string& algorithm) {
  const auto given = parameters.find(algorithm);
  if (given == parameters.end()) {
    return {};
  }
  return {given->second.begin(), given->second.end()};
}

void tell(const Candidate& candidate, const Shared& shared) {
  if (!candidate.trouble.empty()) {
    shared.warn(candidate.algorithm + ": " + candidate.trouble);
  }
  if (!candidate.found()) {
    shared.note(candidate.algorithm + ": found nothing that can run");
  }
}

std::vector<Candidate> propose(SearchSpace& space, const AlgorithmRegistry& registry,
                               const SearchPlan& plan, const Config& config, RunDirectory& run,
                               const Shared& shared) {
  Proposer proposer(space, plan, config, run, shared);
  proposer.add_given();
  proposer.add_heuristics(space.searched(), heuristics_of(registry, space, plan.one_heuristic));
  if (space.grouping() != nullptr) {
    proposer.add_heuristics(space.op_by_op(), {{kHeftByOps, registry.find("heft").make}});
  }
  // Groups of many ops hide what ops can do: `auto` stands for a search op by op as well.
  const bool by_ops = space.grouping() != nullptr && space.objective() == kStepTime &&
                      space.costs().graph().size() >= kLeastNodesByOps &&
                      std::ranges::find(plan.searching, kAuto) != plan.searching.end();
  std::size_t after = plan.searching.size() + (by_ops ? 1 : 0);
  for (const std::string& name : plan.searching) {
    proposer.add_search(name, *make_search(registry, name, config, space), space.searched(),
                        --after);
  }
  if (by_ops) {
    const AlgorithmEntry& entry = registry.find("multilevel");
    const auto on_all_cores = portfolio({{entry, parameters_of(config.parameters, entry.name)}});
    proposer.add_search(kMultilevelByOps, *on_all_cores, space.op_by_op(), --after);
  }
  return proposer.take_all();
}

std::vector<std::optional<SimTime>> device_scaling(SearchSpace& space,
                                                   const AlgorithmRegistry& registry,
                                                   std::uint64_t seed, double seconds,
                                                   const Shared& shared) {
  std::vector<std::optional<SimTime>> times;
  if (shared.stop.stop_requested()) {
    return times;
  }
  const std::vector<DeviceId> devices = space.usable_devices();
  std::uint64_t mask = 0;
  for (const DeviceId device : devices) {
    mask |= std::uint64_t{1} << index(device);
    const auto constraints = space.restricted_to(mask);
    if (!constraints) {
      times.emplace_back();
      continue;
    }
    const Problem full = space.searched();
    const Problem problem{full.costs, *constraints, full.evaluator, full.fine_graph, full.grouping};
    const bool large = full.costs.graph().size() > kLargeGraph;
    const std::string name = large ? "multilevel" : "hill-climb";
    SearchOptions options;
    options.budget.evaluations = large ? kLargeScalingEvaluations : kScalingEvaluations;
    options.budget.seconds = seconds / static_cast<double>(devices.size());
    options.seed = seed;
    options.stop = shared.stop.get_token();
    const Candidate candidate =
        run_algorithm(space, *registry.find(name).make(), name, problem, options);
    std::optional<SimTime> best = times.empty() ? std::nullopt : times.back();
    if (candidate.predicted.feasible()) {
      // Nobody has to use all devices.
      best = std::min(best.value_or(candidate.predicted.step_time), candidate.predicted.step_time);
    }
    times.push_back(best);
  }
  return times;
}

}  // namespace placer::cli
