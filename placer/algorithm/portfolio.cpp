#include "placer/algorithm/portfolio.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <mutex>
#include <stop_token>

#include <fmt/format.h>

#include "placer/algorithm/elites.h"
#include "placer/algorithm/incumbent.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/task_lanes.h"
#include "placer/evaluate/incremental.h"

namespace placer {
namespace {

constexpr const char* kName = "auto";
constexpr double kFinalShare = 0.5;       // of a race, for the search that is left
constexpr double kHeuristicsShare = 0.3;  // of the budget, at most, for heuristics that obey it
constexpr double kFirstRace = 10;         // seconds, where there is no limit; doubles
constexpr double kShortestRace = 0.02;    // seconds: what is left below is not worth the threads
// A search that used less of its slice than this has nothing more to try.
constexpr double kEndedEarly = 0.5;

// Tells the caller what runs and what the best is, on behalf of all tasks.
class SharedProgress {
 public:
  SharedProgress(const SearchOptions& options, const BudgetClock& clock)
      : options_(options), clock_(clock) {}

  void begin_round(std::string running, const Outcome& best, bool found) {
    const std::lock_guard lock(mutex_);
    running_ = std::move(running);
    if (found && !best.score) {
      best_ms_ = best.step_time.seconds() * 1e3;
    }
  }
  // A sink for one of the tasks.
  [[nodiscard]] ProgressSink sink() {
    if (!options_.progress) {
      return nullptr;
    }
    return [this](const ProgressReport& report) { add(report); };
  }

 private:
  void add(const ProgressReport& report) {
    const std::lock_guard lock(mutex_);
    if (report.best_ms && (!best_ms_ || *report.best_ms < *best_ms_)) {
      best_ms_ = report.best_ms;
    }
    ProgressReport all{.stage = kName, .best_ms = best_ms_, .running = running_};
    const Budget& budget = options_.budget;
    if (budget.seconds || budget.evaluations) {
      all.total = budget.seconds.value_or(static_cast<double>(budget.evaluations.value_or(0)));
      all.done = clock_.fraction() * all.total;
    }
    options_.progress(all);
  }

  const SearchOptions& options_;
  const BudgetClock& clock_;
  std::mutex mutex_;
  std::string running_;
  std::optional<double> best_ms_;
};

// One run of a portfolio.
class Race {
 public:
  Race(const std::vector<PortfolioMember>& members, const Problem& problem,
       const SearchOptions& options)
      : members_(members),
        problem_(problem),
        options_(options),
        clock_(options.budget, options.stop),
        lanes_(problem, options.threads),
        progress_(options, clock_),
        reports_(members.size()) {
    const std::size_t nodes = problem.costs.graph().size();
    for (std::size_t i = 0; i < members.size(); ++i) {
      reports_[i].name = members[i].entry.name;
      if (members[i].entry.fits(nodes)) {
        (members[i].entry.searches ? field_ : heuristics_).push_back(i);
      }
    }
    if (nodes > kLargeGraph && problem.evaluator.incremental(problem.constraints) == nullptr) {
      keep_those_for_large_graphs(field_);
      keep_those_for_large_graphs(heuristics_);
    }
  }

  SearchResult run() {
    judge_initial();
    run_heuristics();
    if (result_.best && nothing_to_choose()) {
      return finish();
    }
    for (double horizon = kFirstRace; !over() && !field_.empty(); horizon *= 2) {
      if (!race(horizon)) {
        break;
      }
    }
    return finish();
  }

 private:
  using Indices = std::vector<std::size_t>;  // of members

  // What a round may spend.
  struct Spending {
    double seconds = 0;  // wall time; meaningless where only evaluations are limited
    std::uint64_t evaluations = 0;
  };

  [[nodiscard]] bool counts_evaluations() const { return options_.budget.evaluations.has_value(); }
  [[nodiscard]] bool keeps_time() const {
    return options_.budget.seconds.has_value() || !counts_evaluations();
  }
  [[nodiscard]] double seconds_left(double horizon) const {
    return options_.budget.seconds ? *options_.budget.seconds - clock_.seconds() : horizon;
  }
  [[nodiscard]] static bool is_proven(const SearchResult& result) {
    return result.best && result.lower_bound && result.outcome.cost() <= *result.lower_bound;
  }
  [[nodiscard]] bool nothing_to_choose() const {
    const auto& allowed = problem_.constraints.allowed;
    return std::all_of(allowed.begin(), allowed.end(), std::has_single_bit<std::uint64_t>);
  }
  [[nodiscard]] bool over() const {
    return is_proven(result_) || stop_tasks_.stop_requested() || clock_.exhausted() ||
           (options_.budget.seconds && seconds_left(0) < kShortestRace);
  }

  // Where there are any.
  void keep_those_for_large_graphs(Indices& members) const {
    const auto small = [&](std::size_t i) { return members_[i].entry.small_graphs_only; };
    if (!std::all_of(members.begin(), members.end(), small)) {
      std::erase_if(members, small);
    }
  }

  void judge_initial() {
    Incumbent incumbent(problem_, options_, kName);
    const std::vector<Placement> placements = incumbent.evaluate_initial();
    for (std::size_t i = 0; i < placements.size(); ++i) {
      if (incumbent.outcomes()[i].feasible()) {
        elites_.add(placements[i], incumbent.outcomes()[i]);
      }
    }
    take(incumbent.finish(), "");
  }

  [[nodiscard]] SearchOptions task_options(std::size_t member) {
    SearchOptions options;
    options.seed = options_.seed;
    options.stop = stop_tasks_.get_token();
    options.progress = progress_.sink();
    options.parameters = members_[member].parameters;
    return options;
  }

  // Every heuristic once. Under a budget of evaluations they share half of what is left, in equal
  // parts, since most need one.
  void run_heuristics() {
    Indices order = heuristics_;
    const std::uint64_t left = clock_.left();
    order.resize(static_cast<std::size_t>(std::min<std::uint64_t>(order.size(), left)));
    std::vector<SearchTask> tasks;
    for (const std::size_t member : order) {
      SearchTask task{members_[member].entry.name, members_[member].entry.make,
                      task_options(member)};
      if (options_.budget.seconds) {
        task.options.budget.seconds = kHeuristicsShare * seconds_left(0);
      }
      if (counts_evaluations()) {
        task.most_evaluations = std::max<std::uint64_t>(1, left / (2 * order.size()));
      }
      tasks.push_back(std::move(task));
    }
    static_cast<void>(run_tasks(tasks, order));
    heuristics_tried_ = heuristics_tried_ || !order.empty();
  }

  // One race over `horizon` seconds, or what is left of the budget; false when nothing was tried.
  bool race(double horizon) {
    const std::uint64_t before = clock_.spent();
    const double begin = clock_.seconds();
    const double seconds = seconds_left(horizon);
    const std::uint64_t evaluations = clock_.left();
    Indices racing = field_;
    if (const auto rounds = std::bit_width(racing.size() - 1); rounds > 0) {
      const double share = (1 - kFinalShare) / static_cast<double>(rounds);
      for (auto i = rounds; i > 0 && racing.size() > 1 && !over(); --i, ++round_) {
        const auto part = static_cast<std::uint64_t>(share * static_cast<double>(evaluations));
        run_round(racing, {share * seconds, part});
        racing = better_half(racing);
      }
    }
    if (!over() && !racing.empty()) {
      run_round(racing, {begin + seconds - clock_.seconds(), clock_.left()});
      ++round_;
    }
    return clock_.spent() > before;
  }

  // Each of `racing` gets an equal slice; those that end early leave the field. Rounds that only
  // time limits have at least a task for every lane.
  void run_round(const Indices& racing, const Spending& spending) {
    const auto most =
        static_cast<std::size_t>(std::min<std::uint64_t>(racing.size(), clock_.left()));
    const std::size_t copies =
        counts_evaluations() ? 1 : std::max<std::size_t>(1, lanes_.size() / most);
    Indices order;
    for (std::size_t copy = 0; copy < copies; ++copy) {
      order.insert(order.end(), racing.begin(), racing.begin() + static_cast<std::ptrdiff_t>(most));
    }
    const std::size_t waves = (order.size() + lanes_.size() - 1) / lanes_.size();
    Budget slice;
    if (keeps_time()) {
      slice.seconds = std::max(spending.seconds, 0.0) / static_cast<double>(waves);
    }
    if (counts_evaluations()) {
      slice.evaluations = std::max<std::uint64_t>(1, spending.evaluations / order.size());
    }
    std::vector<SearchTask> tasks;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t member = order[i];
      SearchTask task{members_[member].entry.name, members_[member].entry.make,
                      task_options(member)};
      task.options.budget = slice;
      task.options.seed =
          Rng::keyed(options_.seed, std::array<std::uint64_t, 3>{round_, member, i / racing.size()})
              .next();
      task.options.initial = elites_.placements();
      task.options.heuristics_tried = heuristics_tried_;
      task.options.threads = std::max<std::size_t>(1, lanes_.size() / order.size());
      tasks.push_back(std::move(task));
    }
    const std::vector<SearchResult> results = run_tasks(tasks, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (ended_early(results[i], slice)) {
        std::erase(field_, order[i]);
      }
    }
  }

  [[nodiscard]] static bool ended_early(const SearchResult& result, const Budget& slice) {
    const bool in_time = !slice.seconds || result.seconds < kEndedEarly * *slice.seconds;
    const bool in_count =
        !slice.evaluations || static_cast<double>(result.evaluations) <
                                  kEndedEarly * static_cast<double>(*slice.evaluations);
    return !result.stopped && in_time && in_count;
  }

  // Those whose placements of the last round cost least, of those still in the field; of equals,
  // those that needed the fewest evaluations. Later rounds start from the best, and keep the order.
  [[nodiscard]] Indices better_half(const Indices& racing) const {
    Indices order = racing;
    std::erase_if(order, [&](std::size_t member) {
      return std::find(field_.begin(), field_.end(), member) == field_.end();
    });
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (better(last_[a], last_[b]) || better(last_[b], last_[a])) {
        return better(last_[a], last_[b]);
      }
      return reached_after_[a] < reached_after_[b];
    });
    std::size_t stay = std::min(order.size(), (racing.size() + 1) / 2);
    if (stay == 1 && order.size() > 1 && last_[order[0]].cost() == last_[order[1]].cost()) {
      stay = 2;  // nothing tells which of them is to have the rest
    }
    order.resize(stay);
    return order;
  }

  // Runs them and takes their results, in order. `owners`: the members they are of.
  std::vector<SearchResult> run_tasks(const std::vector<SearchTask>& tasks, const Indices& owners) {
    std::string running;
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (std::find(owners.begin(), owners.begin() + static_cast<std::ptrdiff_t>(i), owners[i]) ==
          owners.begin() + static_cast<std::ptrdiff_t>(i)) {
        running += (running.empty() ? "" : ", ") + tasks[i].name;
      }
    }
    progress_.begin_round(std::move(running), result_.outcome, result_.best.has_value());
    // A proof ends everything at once, but where the count of evaluations must not depend on time.
    std::vector<SearchResult> results = lanes_.run(tasks, [this](const SearchResult& result) {
      if (!counts_evaluations() && is_proven(result)) {
        stop_tasks_.request_stop();
      }
    });
    for (const std::size_t member : owners) {
      last_[member] = Outcome{};
      last_[member].infeasible.emplace();
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      const std::size_t member = owners[i];
      MemberReport& report = reports_[member];
      report.evaluations += results[i].evaluations;
      report.seconds += results[i].seconds;
      if (results[i].evaluations == 0) {
        continue;  // no time to try any
      }
      if (better(results[i].outcome, last_[member])) {
        last_[member] = results[i].outcome;
        reached_after_[member] =
            results[i].history.empty() ? 0 : results[i].history.back().evaluations;
      }
      if (!ran_[member] || better(results[i].outcome, report.best)) {
        report.best = results[i].outcome;
      }
      ran_[member] = true;
      report.gained += take(results[i], report.name) ? 1 : 0;
      // What others could not do is how they are; that a policy blew up is news.
      if (members_[member].entry.learns && result_.trouble.empty() && !results[i].trouble.empty()) {
        result_.trouble = report.name + ": " + results[i].trouble;
      }
    }
    return results;
  }

  // Adds a result to what is known; true when it is the best so far.
  bool take(const SearchResult& found, const std::string& name) {
    const std::uint64_t before = clock_.spent();
    clock_.spend(found.evaluations);
    for (const HistoryPoint& point : found.history) {
      if (result_.history.empty() || point.best < result_.history.back().best) {
        result_.history.push_back({before + point.evaluations, clock_.seconds(), point.best});
      }
    }
    if (found.lower_bound) {
      result_.lower_bound = std::max(result_.lower_bound.value_or(0), *found.lower_bound);
    }
    if (found.best) {
      elites_.add(*found.best, found.outcome);
    }
    if (found.evaluations == 0 || (before > 0 && !better(found.outcome, result_.outcome))) {
      return false;
    }
    result_.outcome = found.outcome;
    result_.best = found.best;
    result_.found_by = name;
    return true;
  }

  SearchResult finish() {
    result_.evaluations = clock_.spent();
    result_.seconds = clock_.seconds();
    result_.stopped = clock_.stop_requested();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (ran_[i]) {
        result_.members.push_back(std::move(reports_[i]));
      }
    }
    return std::move(result_);
  }

  const std::vector<PortfolioMember>& members_;
  const Problem& problem_;
  const SearchOptions& options_;
  BudgetClock clock_;
  TaskLanes lanes_;
  SharedProgress progress_;
  Elites elites_;
  Indices heuristics_;
  Indices field_;  // searches that have more to try
  bool heuristics_tried_ = options_.heuristics_tried;
  std::uint64_t round_ = 0;
  std::stop_source stop_tasks_;
  std::stop_callback<std::function<void()>> stop_with_caller_{
      options_.stop, [this] { stop_tasks_.request_stop(); }};
  std::vector<MemberReport> reports_;  // [members]
  std::vector<std::uint64_t> reached_after_ = std::vector<std::uint64_t>(members_.size());
  std::vector<Outcome> last_ = std::vector<Outcome>(members_.size());  // of its last round
  std::vector<bool> ran_ = std::vector<bool>(members_.size());
  SearchResult result_;
};

class Portfolio : public Algorithm {
 public:
  explicit Portfolio(std::vector<PortfolioMember> members) : members_(std::move(members)) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters(kName, options.parameters).check();
    return Race(members_, problem, options).run();
  }

 private:
  std::vector<PortfolioMember> members_;
};

// Everything on each of the problem's devices beside the registered members.
class WithSingleDevices : public Algorithm {
 public:
  explicit WithSingleDevices(std::vector<PortfolioMember> members) : members_(std::move(members)) {}

  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    std::vector<PortfolioMember> members;
    const Cluster& cluster = problem.costs.cluster();
    for (std::size_t d = 0; d < cluster.size(); ++d) {
      const auto device = id_at<DeviceId>(d);
      members.push_back({{.name = "single:" + cluster.device(device).name,
                          .description = "",
                          .searches = false,
                          .make = [device] { return single_device(device); }}});
    }
    members.insert(members.end(), members_.begin(), members_.end());
    return Portfolio(std::move(members)).run(problem, options);
  }

 private:
  std::vector<PortfolioMember> members_;
};

}  // namespace

std::unique_ptr<Algorithm> portfolio(std::vector<PortfolioMember> members) {
  return std::make_unique<Portfolio>(std::move(members));
}

void register_portfolio(AlgorithmRegistry& registry) {
  std::vector<PortfolioMember> members;
  for (const AlgorithmEntry& entry : registry.entries()) {
    if (!entry.control) {
      members.push_back({entry});
    }
  }
  registry.add({.name = kName,
                .description = "all of these in turn, as it pays, on all cores",
                .searches = true,
                .make = [members] { return std::make_unique<WithSingleDevices>(members); }});
}

}  // namespace placer
