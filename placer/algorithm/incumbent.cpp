#include "placer/algorithm/incumbent.h"

#include <bit>
#include <utility>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr double kReportSeconds = 0.1;

std::vector<NodeId> first_nodes(const Constraints& constraints) {
  constexpr auto kNone = static_cast<NodeId>(~std::uint32_t{0});
  std::vector<NodeId> first(constraints.num_units, kNone);
  std::vector<NodeId> result;
  for (std::size_t v = 0; v < constraints.unit_of.size(); ++v) {
    NodeId& of_unit = first[constraints.unit_of[v]];
    of_unit = of_unit == kNone ? id_at<NodeId>(v) : of_unit;
    result.push_back(of_unit);
  }
  return result;
}

bool may_use(const Constraints& constraints, std::size_t node, DeviceId device) {
  return index(device) < kMaxDevices && (constraints.allowed[node] >> index(device) & 1) != 0;
}

}  // namespace

Incumbent::Incumbent(const Problem& problem, const SearchOptions& options, std::string stage)
    : problem_(problem),
      options_(options),
      stage_(std::move(stage)),
      clock_(options.budget, options.stop),
      leader_(first_nodes(problem.constraints)),
      tied_(problem.constraints.num_units < problem.constraints.unit_of.size()) {}

// Evaluates placements that keep the units.
void Incumbent::judge(std::span<const Placement> placements) {
  outcomes_.resize(placements.size());
  problem_.evaluator.evaluate(placements, outcomes_);
  for (std::size_t i = 0; i < placements.size(); ++i) {
    clock_.spend(1);
    result_.timed_steps += outcomes_[i].new_steps;
    keep(placements[i], outcomes_[i]);
  }
}

void Incumbent::keep(const Placement& placement, const Outcome& outcome) {
  // More steps of the best say better what it takes, be it more.
  const bool revised = outcome.new_steps > 0 && outcome.feasible() && result_.best == placement;
  if (revised && !better(outcome, result_.outcome)) {
    result_.outcome = outcome;
    return;
  }
  if (judged_any_ && !better(outcome, result_.outcome)) {
    return;
  }
  judged_any_ = true;
  result_.outcome = outcome;
  if (outcome.feasible()) {
    result_.best = placement;
    result_.history.push_back({clock_.spent(), clock_.seconds(), {outcome.cost()}});
    if (options_.on_best) {
      options_.on_best(placement, outcome, clock_.spent());
    }
  }
}

void Incumbent::offer(const Placement& placement) {
  outcomes_.resize(1);
  problem_.evaluator.evaluate({&placement, 1}, outcomes_);
  keep(placement, outcomes_.front());
}

void Incumbent::report_if_due() {
  if (clock_.seconds() - last_report_ >= kReportSeconds) {
    report();
  }
}

std::size_t Incumbent::evaluate(std::span<const Placement> placements) {
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(clock_.left(), placements.size()));
  outcomes_.clear();
  if (count == 0) {
    return 0;
  }
  const Constraints& constraints = problem_.constraints;
  bool broken = false;
  for (const Placement& placement : placements.first(count)) {
    PLACER_CHECK(placement.device.size() == leader_.size(), "placement of another graph");
    for (std::size_t v = 0; v < leader_.size(); ++v) {
      PLACER_CHECK(may_use(constraints, v, placement.device[v]), "a device that is not allowed");
      broken = broken || placement.device[v] != placement.device[index(leader_[v])];
    }
  }
  if (tied_ && broken) {
    std::vector<Placement> kept(placements.begin(),
                                placements.begin() + static_cast<std::ptrdiff_t>(count));
    for (Placement& placement : kept) {
      for (std::size_t v = 0; v < leader_.size(); ++v) {
        placement.device[v] = placement.device[index(leader_[v])];
      }
    }
    judge(kept);
  } else {
    judge(placements.first(count));
  }
  report_if_due();
  return count;
}

std::vector<Placement> Incumbent::evaluate_initial() {
  std::vector<Placement> placements;
  for (const Placement& initial : options_.initial) {
    placements.push_back(conforming(problem_.constraints, initial));
  }
  placements.resize(evaluate(placements));
  return placements;
}

void Incumbent::report() {
  last_report_ = clock_.seconds();
  if (!options_.progress) {
    return;
  }
  ProgressReport report;
  report.stage = stage_;
  const Budget& budget = options_.budget;
  const double share = clock_.fraction();
  if (budget.evaluations && share > 0) {
    report.total = static_cast<double>(*budget.evaluations);
    report.done = share * report.total;
  } else if (budget.seconds) {
    report.total = *budget.seconds;
    report.done = clock_.seconds();
  } else {
    report.done = static_cast<double>(clock_.spent());
  }
  if (result_.best && !result_.outcome.score) {
    report.best_ms = result_.outcome.step_time.seconds() * 1e3;
  }
  options_.progress(report);
}

SearchResult Incumbent::so_far() const {
  SearchResult result = result_;
  result.evaluations = clock_.spent();
  result.seconds = clock_.seconds();
  return result;
}

void Incumbent::restore(SearchResult earlier) {
  clock_.restore(earlier.evaluations, earlier.seconds);
  judged_any_ = earlier.evaluations > 0;
  result_ = std::move(earlier);
}

SearchResult Incumbent::finish() {
  report();
  result_.evaluations = clock_.spent();
  result_.seconds = clock_.seconds();
  result_.stopped = clock_.stop_requested();
  return std::move(result_);
}

Placement conforming(const Constraints& constraints, Placement placement) {
  PLACER_CHECK(placement.device.size() == constraints.unit_of.size(), "placement of another graph");
  constexpr auto kNone = static_cast<DeviceId>(~std::uint32_t{0});
  std::vector<DeviceId> chosen(constraints.num_units, kNone);
  for (std::size_t v = 0; v < placement.device.size(); ++v) {
    DeviceId& of_unit = chosen[constraints.unit_of[v]];
    if (of_unit == kNone && may_use(constraints, v, placement.device[v])) {
      of_unit = placement.device[v];
    }
  }
  for (std::size_t v = 0; v < placement.device.size(); ++v) {
    const DeviceId device = chosen[constraints.unit_of[v]];
    const auto lowest = static_cast<std::size_t>(std::countr_zero(constraints.allowed[v]));
    placement.device[v] = device == kNone ? id_at<DeviceId>(lowest) : device;
  }
  return placement;
}

}  // namespace placer
