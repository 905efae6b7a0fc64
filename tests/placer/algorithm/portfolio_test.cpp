// auto: one budget over several algorithms (portfolio.h).

#include "placer/algorithm/portfolio.h"

#include <atomic>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

#include "placer/algorithm/incumbent.h"
#include "placer/base/error.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/owned_problem.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

// Judged by evaluators of its own for every thread.
struct ThreadedProblem {
  explicit ThreadedProblem(std::uint64_t seed)
      : workload(test::random_workload(seed, {.nodes = 60, .unsupported = 0.2})),
        cluster(test::random_cluster(seed, {.devices = 4})),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, {})),
        evaluator(costs, constraints) {}

  [[nodiscard]] Problem problem() {
    return {.costs = costs,
            .constraints = constraints,
            .evaluator = evaluator,
            .make_evaluator = [this]() -> std::unique_ptr<Evaluator> {
              return std::make_unique<test::LoadEvaluator>(costs, constraints);
            }};
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
  test::LoadEvaluator evaluator;
};

AlgorithmRegistry all_registered() {
  AlgorithmRegistry registry;
  register_baselines(registry);
  return registry;
}

// Draws placements from a seed for as long as it may, or `most` of them.
class Drawing : public Algorithm {
 public:
  explicit Drawing(std::uint64_t most) : most_(most) {}
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Incumbent incumbent(problem, options, "drawing");
    Rng rng(options.seed);
    for (std::uint64_t i = 0; i < most_ && !incumbent.exhausted(); ++i) {
      Placement placement = all_on(problem.costs.graph(), DeviceId{0});
      for (DeviceId& device : placement.device) {
        device = id_at<DeviceId>(rng.below(problem.costs.cluster().size()));
      }
      placement = conforming(problem.constraints, placement);
      incumbent.evaluate({&placement, 1});
    }
    return incumbent.finish();
  }

 private:
  std::uint64_t most_;
};

PortfolioMember drawing(const std::string& name, std::uint64_t most) {
  return {{.name = name, .description = "", .searches = true, .make = [most] {
             return std::make_unique<Drawing>(most);
           }}};
}

constexpr std::uint64_t kEndless = ~std::uint64_t{0};

TEST(Portfolio, TheSameForAnyNumberOfThreadsUnderAnEvaluationBudget) {
  const AlgorithmRegistry registry = all_registered();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    std::optional<SearchResult> first;
    for (const std::size_t threads : {1, 2, 5}) {
      ThreadedProblem owned(seed);
      SearchOptions options;
      options.budget.evaluations = 3000;
      options.seed = seed;
      options.threads = threads;
      SearchResult result = registry.find("auto").make()->run(owned.problem(), options);
      ASSERT_TRUE(result.best.has_value());
      if (!first) {
        first = std::move(result);
        continue;
      }
      EXPECT_EQ(result.best, first->best);
      EXPECT_EQ(result.evaluations, first->evaluations);
      EXPECT_EQ(result.found_by, first->found_by);
      ASSERT_EQ(result.members.size(), first->members.size());
      for (std::size_t i = 0; i < result.members.size(); ++i) {
        EXPECT_EQ(result.members[i].evaluations, first->members[i].evaluations);
      }
    }
  }
}

TEST(Portfolio, NeverWorseThanAnyHeuristic) {
  const AlgorithmRegistry registry = all_registered();
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    ThreadedProblem owned(seed);
    SearchOptions options;
    options.budget.evaluations = 2000;
    options.threads = 2;
    const SearchResult together = registry.find("auto").make()->run(owned.problem(), options);
    for (const AlgorithmEntry& entry : registry.entries()) {
      if (!entry.searches) {
        const SearchResult alone = entry.make()->run(owned.problem(), options);
        EXPECT_FALSE(better(alone.outcome, together.outcome)) << entry.name;
      }
    }
    for (std::size_t d = 0; d < owned.cluster.size(); ++d) {
      const SearchResult alone = single_device(id_at<DeviceId>(d))->run(owned.problem(), options);
      EXPECT_FALSE(better(alone.outcome, together.outcome)) << d;
    }
  }
}

TEST(Portfolio, TheBetterHalfGetsTheBudget) {
  // Two that draw at random and two that stop at once: hill climbing gets most of what is left.
  const AlgorithmRegistry registry = all_registered();
  ThreadedProblem owned(3);
  SearchOptions options;
  options.budget.evaluations = 8000;
  const SearchResult result = portfolio({drawing("a", kEndless),
                                         {registry.find("hill-climb")},
                                         drawing("b", kEndless),
                                         drawing("short", 3)})
                                  ->run(owned.problem(), options);
  ASSERT_EQ(result.members.size(), 4U);
  EXPECT_EQ(result.members[1].name, "hill-climb");
  EXPECT_GE(result.members[1].evaluations, 4000U);
  // 8000 x 1/2 in two rounds: 2000 / 4 in the first, and no more for the worse half.
  EXPECT_LE(std::min(result.members[0].evaluations, result.members[2].evaluations), 500U);
  EXPECT_LE(result.members[3].evaluations, 3U + 8U);
  EXPECT_EQ(result.found_by, "hill-climb");
  EXPECT_LE(result.evaluations, 8000U);
}

TEST(Portfolio, EndsWhenNothingHasMoreToTry) {
  ThreadedProblem owned(4);
  SearchOptions options;
  options.budget.seconds = 600;
  const SearchResult result =
      portfolio({drawing("a", 5), drawing("b", 7)})->run(owned.problem(), options);
  EXPECT_TRUE(result.best.has_value());
  EXPECT_FALSE(result.stopped);
  EXPECT_LE(result.evaluations, 24U);
}

TEST(Portfolio, StopKeepsTheBestOnAllThreads) {
  ThreadedProblem owned(5);
  std::stop_source stop;
  std::atomic<int> reports = 0;
  SearchOptions options;
  options.threads = 3;
  options.stop = stop.get_token();
  options.progress = [&](const ProgressReport& report) {
    EXPECT_EQ(report.stage, "auto");
    if (!report.running.empty() && report.best_ms && ++reports == 5) {
      stop.request_stop();
    }
  };
  const AlgorithmRegistry registry = all_registered();
  const SearchResult result = registry.find("auto").make()->run(owned.problem(), options);
  EXPECT_TRUE(result.stopped);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(owned.evaluator.evaluate_one(*result.best).cost(), result.outcome.cost());
}

TEST(Portfolio, OneThreadWithoutAFactoryOfEvaluators) {
  ThreadedProblem owned(6);
  std::set<std::thread::id> threads;
  owned.evaluator.before = [&] { threads.insert(std::this_thread::get_id()); };
  Problem problem = owned.problem();
  problem.make_evaluator = nullptr;
  SearchOptions options;
  options.budget.evaluations = 500;
  options.threads = 4;
  const AlgorithmRegistry registry = all_registered();
  EXPECT_TRUE(registry.find("auto").make()->run(problem, options).best.has_value());
  EXPECT_EQ(threads, std::set{std::this_thread::get_id()});
}

TEST(Portfolio, MembersGetTheirOwnParametersAndTheirErrorsComeThrough) {
  const AlgorithmRegistry registry = all_registered();
  ThreadedProblem owned(7);
  SearchOptions options;
  options.budget.evaluations = 200;
  options.threads = 2;
  EXPECT_TRUE(portfolio({{registry.find("hill-climb"), {{"batch", "2"}}}})
                  ->run(owned.problem(), options)
                  .best.has_value());
  EXPECT_THROW((void)portfolio({drawing("a", 5), {registry.find("hill-climb"), {{"bach", "2"}}}})
                   ->run(owned.problem(), options),
               Error);
}

TEST(Portfolio, MembersThatTakeLessThanTheGraphStayOut) {
  test::OwnedProblem owned(test::random_workload(1, {.nodes = 50}), test::random_cluster(1), {});
  std::vector<PortfolioMember> members = {drawing("a", kEndless), drawing("b", kEndless)};
  members[0].entry.most_units = 49;
  SearchOptions options;
  options.budget.evaluations = 20;
  const SearchResult result = portfolio(members)->run(owned.problem(), options);
  ASSERT_EQ(result.members.size(), 1U);
  EXPECT_EQ(result.members.back().name, "b");
}

TEST(Portfolio, MembersForSmallGraphsOnlyStayOutOfLargeOnes) {
  for (const std::size_t nodes : {kLargeGraph / 100, kLargeGraph + 100}) {
    const bool large = nodes > kLargeGraph;
    test::OwnedProblem owned(test::random_workload(1, {.nodes = nodes}), test::random_cluster(1),
                             {});
    std::vector<PortfolioMember> members = {drawing("a", kEndless), drawing("b", kEndless)};
    members[0].entry.small_graphs_only = true;
    SearchOptions options;
    options.budget.evaluations = 20;
    const SearchResult result = portfolio(members)->run(owned.problem(), options);
    ASSERT_EQ(result.members.size(), large ? 1U : 2U);
    EXPECT_EQ(result.members.back().name, "b");
    EXPECT_EQ(result.evaluations, 20U);

    // Nothing for large graphs: better than no search.
    members.pop_back();
    members[0].entry.small_graphs_only = true;
    EXPECT_EQ(portfolio(members)->run(owned.problem(), options).evaluations, 20U);
  }
}

class Troubled : public Drawing {
 public:
  Troubled() : Drawing(1000) {}
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    SearchResult result = Drawing::run(problem, options);
    result.trouble = "blew up";
    return result;
  }
};

TEST(Portfolio, TroubleOfLearnersIsSaidOnce) {
  ThreadedProblem owned(9);
  SearchOptions options;
  options.budget.evaluations = 40;
  const auto make = [] { return std::make_unique<Troubled>(); };
  std::vector<PortfolioMember> members(2);
  members[0].entry = {.name = "a", .description = "", .searches = true, .make = make};
  members[1].entry = {.name = "b", .description = "", .searches = true, .make = make};
  EXPECT_EQ(portfolio(members)->run(owned.problem(), options).trouble, "");
  members[1].entry.learns = true;
  EXPECT_EQ(portfolio(members)->run(owned.problem(), options).trouble, "b: blew up");
}

TEST(Portfolio, AutoLeavesOutControlsAndItself) {
  const AlgorithmRegistry registry = all_registered();
  ThreadedProblem owned(8);
  SearchOptions options;
  options.budget.evaluations = 1000;
  const SearchResult result = registry.find("auto").make()->run(owned.problem(), options);
  std::set<std::string> names;
  for (const MemberReport& member : result.members) {
    names.insert(member.name);
  }
  EXPECT_TRUE(names.contains("hill-climb"));
  EXPECT_TRUE(names.contains("heft"));
  EXPECT_TRUE(names.contains("single:" + owned.cluster.devices()[0].name));
  EXPECT_FALSE(names.contains("random"));
  EXPECT_FALSE(names.contains("auto"));
}

}  // namespace
}  // namespace placer
