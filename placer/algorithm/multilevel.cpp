#include "placer/algorithm/multilevel.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/rescheduler.h"
#include "placer/algorithm/task_levels.h"

namespace placer {
namespace {

using Devices = std::vector<std::uint8_t>;  // [tasks]

constexpr double kPrices[] = {0, 0.3, 1, 3, 10};
constexpr int kMostTightenings = 16;
// Of the graph: schedules of larger levels cost about as much as those of the graph itself, which
// have been tried.
constexpr double kMostConstructed = 0.25;

std::size_t parse(ParameterList given) {
  Parameters parameters("multilevel", given);
  const auto effort = static_cast<std::size_t>(parameters.integer("effort", 10, 1, 1'000'000));
  parameters.check();
  return effort;
}

// Masks of the fastest 1, 2, 4, ... devices and of all.
std::vector<std::uint64_t> device_sets(const TaskGraph& graph) {
  std::vector<double> total(graph.num_devices, 0);
  for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
    for (std::uint32_t d = 0; d < graph.num_devices; ++d) {
      // A device that may not run the task would take as long as the others for it.
      const bool may = (graph.allowed[graph.unit_of[t]] >> d & 1) != 0;
      total[d] += static_cast<double>(may ? graph.time_on(t, d) : graph.mean_time[t]);
    }
  }
  std::vector<std::uint32_t> order(graph.num_devices);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return total[a] < total[b]; });
  std::vector<std::uint64_t> sets;
  std::uint64_t set = 0;
  for (std::uint32_t k = 0; k < graph.num_devices; ++k) {
    set |= std::uint64_t{1} << order[k];
    const bool power_of_two = (k & (k + 1)) == 0;
    if (power_of_two || k + 1 == graph.num_devices) sets.push_back(set);
  }
  std::reverse(sets.begin(), sets.end());
  return sets;
}

// What multilevel tries first, on most devices first.
std::vector<Construction> constructions(const TaskGraph& graph) {
  std::vector<Construction> result;
  for (const std::uint64_t set : device_sets(graph)) {
    for (const double price : kPrices) {
      result.push_back({set, price});
      // On one device every price gives the same.
      if (std::has_single_bit(set)) break;
    }
  }
  return result;
}

// A problem's own graph: placements of it judged by the evaluator.
class FineLevel {
 public:
  FineLevel(const Problem& problem, const SearchOptions& options, std::string name)
      : graph(make_task_graph(problem)),
        incumbent(problem, options, std::move(name)),
        rescheduler(graph) {
    room.bytes = graph.limit;
  }

  // Whether `candidate` is at least as good as what was found before.
  bool try_out(const OrderedPlacement& candidate);
  // Tries a construction; where it is out of memory, the same in less room.
  //   make  (expected) -> OrderedPlacement, within `room`
  template <class Make>
  void construct(const Make& make);
  void construct_by_rank(const Construction& wanted);
  void construct_online(const Construction& wanted);
  [[nodiscard]] OrderedPlacement best() const;

  const TaskGraph graph;
  Incumbent incumbent;
  Rescheduler rescheduler;
  Room room;
  Outcome last;
  double slowest = 0;  // seconds to judge a placement

 private:
  bool tighten();
};

bool FineLevel::try_out(const OrderedPlacement& candidate) {
  Placement placement;
  placement.device.reserve(candidate.device.size());
  for (const std::uint8_t device : candidate.device) {
    placement.device.push_back(id_at<DeviceId>(device));
  }
  placement.priority.resize(candidate.order.size());
  for (std::size_t i = 0; i < candidate.order.size(); ++i) {
    placement.priority[candidate.order[i]] = static_cast<std::int64_t>(candidate.order.size() - i);
  }
  const bool first = incumbent.clock().spent() == 0;
  const Outcome before = incumbent.best_outcome();
  const double begin = incumbent.clock().seconds();
  if (incumbent.evaluate({&placement, 1}) == 0) return false;
  slowest = std::max(slowest, incumbent.clock().seconds() - begin);
  last = incumbent.outcomes().front();
  return first || !better(before, last);
}

OrderedPlacement FineLevel::best() const {
  const Placement& best = *incumbent.best();
  OrderedPlacement result;
  for (const DeviceId device : best.device) {
    result.device.push_back(static_cast<std::uint8_t>(device));
  }
  result.order.resize(best.priority.size());
  std::iota(result.order.begin(), result.order.end(), 0);
  std::stable_sort(result.order.begin(), result.order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return best.priority[a] > best.priority[b];
  });
  return result;
}

// After an outcome that is out of memory: less room on its device. False: nothing to be done.
bool FineLevel::tighten() {
  const auto& why = last.infeasible;
  if (!why || why->reason != InfeasibleReason::kOutOfMemory || !why->device) return false;
  if (!room.count_all_bytes) {
    room.count_all_bytes = true;
    room.bytes = graph.limit;
    return true;
  }
  std::int64_t& bytes = room.bytes[index(*why->device)];
  bytes = std::max<std::int64_t>(0, bytes - std::max<std::int64_t>(why->missing.count, 1));
  return true;
}

template <class Make>
void FineLevel::construct(const Make& make) {
  for (int attempt = 0; attempt < kMostTightenings && !incumbent.exhausted(); ++attempt) {
    const OrderedPlacement first = make(Devices{});
    try_out(first);
    if (last.feasible()) {
      try_out(make(first.device));
      return;
    }
    // Once something fits, constructions that do not are not worth more.
    if (incumbent.best() || !tighten()) return;
  }
}

void FineLevel::construct_by_rank(const Construction& wanted) {
  construct([&](const Devices& expected) {
    return OrderedPlacement{rescheduler.construct(wanted, expected, room), {}};
  });
}

void FineLevel::construct_online(const Construction& wanted) {
  construct([&](const Devices& expected) {
    return rescheduler.construct_online(wanted, expected, room);
  });
}

class MultilevelSearch {
 public:
  MultilevelSearch(const Problem& problem, const SearchOptions& options)
      : options_(options),
        effort_(parse(options.parameters)),
        fine_(problem, options, "multilevel"),
        constructions_(constructions(fine_.graph)),
        rng_(options.seed) {}

  SearchResult run() {
    const std::size_t judged = fine_.incumbent.evaluate_initial().size();
    if (judged > 0) {
      fine_.slowest = fine_.incumbent.clock().seconds() / static_cast<double>(judged);
    }
    if (!options_.heuristics_tried || !fine_.incumbent.best()) construct_all();
    const bool choice =
        !std::ranges::all_of(fine_.graph.allowed, std::has_single_bit<std::uint64_t>);
    // The second round is from scratch, the others go on from the best.
    for (std::uint64_t round = 0; choice && fine_.incumbent.best() && !exhausted(); ++round) {
      run_round(round, round == 1);
    }
    return fine_.incumbent.finish();
  }

 private:
  // Passes over contracted graphs count by their size.
  [[nodiscard]] bool exhausted() const {
    const bool worked =
        options_.budget.evaluations && work_ >= static_cast<double>(*options_.budget.evaluations);
    return worked || fine_.incumbent.exhausted();
  }
  // Work above the graph itself ends so that what it found can still be judged there.
  [[nodiscard]] bool nearly_exhausted() const {
    const Budget& budget = options_.budget;
    return exhausted() ||
           (budget.evaluations && work_ + 1 >= static_cast<double>(*budget.evaluations)) ||
           (budget.seconds &&
            fine_.incumbent.clock().seconds() + 2 * fine_.slowest >= *budget.seconds);
  }
  void count(const TaskGraph& graph) { work_ += share(graph); }
  [[nodiscard]] double share(const TaskGraph& graph) const {
    return static_cast<double>(graph.num_tasks + graph.reader.size() + 1) /
           static_cast<double>(fine_.graph.num_tasks + fine_.graph.reader.size() + 1);
  }
  void construct_all() {
    for (const Construction& wanted : constructions_) {
      if (fine_.incumbent.best() && exhausted()) return;
      construct(wanted);
    }
  }
  void construct(const Construction& wanted) {
    const std::uint64_t before = fine_.incumbent.clock().spent();
    fine_.construct_by_rank(wanted);
    fine_.construct_online(wanted);
    work_ += static_cast<double>(fine_.incumbent.clock().spent() - before);
  }

  void run_round(std::uint64_t round, bool scratch) {
    const OrderedPlacement best = fine_.best();
    const std::deque<TaskLevel> levels =
        coarsen(fine_.graph,
                {.seed = options_.seed + round,
                 .together = scratch ? std::span<const std::uint8_t>() : std::span(best.device)});
    Devices current;
    if (!scratch) {
      current = best.device;
      for (const TaskLevel& level : levels) current = restrict_to(current, level);
    }
    for (std::size_t l = levels.size(); l-- > 0;) {
      current = improve(levels[l].graph, std::move(current), scratch);
      current = project(current, levels[l].cluster_of);
    }
    if (current.empty()) current = best.device;  // from scratch, and too small for levels
    improve_fine({std::move(current), best.order});
  }

  // On a contracted graph; `current` may be empty.
  Devices improve(const TaskGraph& graph, Devices current, bool scratch) {
    Rescheduler rescheduler(graph);
    std::int64_t cost = current.empty() ? 0 : rescheduler.judge(current);
    if (scratch && (current.empty() || share(graph) <= kMostConstructed)) {
      construct_coarse(rescheduler, current, cost);
    }
    rescheduler.load({std::move(current), {}});
    const auto steps = static_cast<std::size_t>(static_cast<double>(effort_) / share(graph));
    for (std::size_t step = 0; step < steps && !nearly_exhausted(); ++step) {
      Devices proposal = rescheduler.propose(rng_, fine_.room);
      const std::int64_t proposed = rescheduler.judge(proposal);
      count(graph);
      if (proposed > cost || proposal == rescheduler.current().device) continue;
      cost = proposed;
      rescheduler.load({std::move(proposal), {}});
    }
    return rescheduler.current().device;
  }

  void construct_coarse(Rescheduler& rescheduler, Devices& current, std::int64_t& cost) {
    const auto consider = [&](Devices devices) {
      const std::int64_t found = rescheduler.judge(devices);
      count(rescheduler.graph());
      if (!current.empty() && found >= cost) return;
      cost = found;
      current = std::move(devices);
    };
    for (const Construction& wanted : constructions_) {
      if (!current.empty() && nearly_exhausted()) return;
      const Devices first = rescheduler.construct(wanted, {}, fine_.room);
      consider(first);
      consider(rescheduler.construct(wanted, first, fine_.room));
    }
  }

  void improve_fine(OrderedPlacement current) {
    Rescheduler& rescheduler = fine_.rescheduler;
    rescheduler.load(fine_.try_out(current) ? std::move(current) : fine_.best());
    ++work_;
    for (std::size_t step = 0; step < effort_ && !exhausted(); ++step) {
      OrderedPlacement proposal = rng_.below(2) == 0
                                      ? rescheduler.propose_online(rng_, fine_.room)
                                      : OrderedPlacement{rescheduler.propose(rng_, fine_.room),
                                                         rescheduler.current().order};
      ++work_;
      if (fine_.try_out(proposal)) rescheduler.load(std::move(proposal));
    }
  }

  const SearchOptions& options_;
  std::size_t effort_;
  FineLevel fine_;
  std::vector<Construction> constructions_;
  Rng rng_;
  double work_ = 0;  // in evaluations
};

class Multilevel : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    return MultilevelSearch(problem, options).run();
  }
};

// Every construction of one kind.
class ListScheduling : public Algorithm {
 public:
  using Construct = void (FineLevel::*)(const Construction& wanted);
  ListScheduling(std::string name, Construct construct)
      : name_(std::move(name)), construct_(construct) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters(name_, options.parameters).check();
    SearchOptions unlimited;
    unlimited.progress = options.progress;
    FineLevel fine(problem, unlimited, name_);
    for (const Construction& wanted : constructions(fine.graph)) (fine.*construct_)(wanted);
    return fine.incumbent.finish();
  }

 private:
  std::string name_;
  Construct construct_;
};

}  // namespace

std::unique_ptr<Algorithm> multilevel() {
  return std::make_unique<Multilevel>();
}

void check_multilevel(ParameterList given) {
  static_cast<void>(parse(given));
}

std::unique_ptr<Algorithm> contention_list_scheduling() {
  return std::make_unique<ListScheduling>("contention-list", &FineLevel::construct_by_rank);
}

std::unique_ptr<Algorithm> online_list_scheduling() {
  return std::make_unique<ListScheduling>("online-list", &FineLevel::construct_online);
}

void register_multilevel(AlgorithmRegistry& registry) {
  registry.add({"contention-list",
                "earliest finish time with contention for links, at several prices of transfers",
                false, contention_list_scheduling});
  registry.add({"online-list",
                "each op when its inputs exist, to where it ends first, at several prices", false,
                online_list_scheduling});
  registry.add(
      {.name = "multilevel",
       .description = "coarsening without cycles, list schedules, large neighbourhood search",
       .searches = true,
       .make = multilevel,
       .check_parameters = check_multilevel});
}

}  // namespace placer
