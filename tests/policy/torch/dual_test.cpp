#include "policy/torch/dual.h"

#include <filesystem>
#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/register.h"
#include "policy/torch/network_learner.h"
#include "simulator/simulator.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/same_search.h"

namespace placer::policy {
namespace {

using test::expect_same;
using test::LoadAndCut;
using test::TestOp;
using test::TestProblem;

TestProblem twelve_cells() {
  return TestProblem(test::grid(3, 4, 50, 10'000),
                     {.devices = 3, .latency_us = 5, .bytes_per_second = 1e9});
}

SearchOptions dual_options(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  options.parameters = {{"width", "8"}};
  return options;
}

SearchResult search_dual(const TestProblem& problem, const SearchOptions& options,
                         std::size_t max_ops = 1000) {
  AlgorithmRegistry registry;
  register_policies(registry);
  LoadAndCut evaluator(problem.costs(), 10, max_ops);
  return registry.find("dual").make()->run(problem.with(evaluator), options);
}

std::string fresh_path(const std::string& name) {
  std::string path = testing::TempDir() + name;
  std::filesystem::remove(path);
  return path;
}

TEST(Dual, SpendsExactlyTheBudgetAndAnswersWithAnOrder) {
  const SearchResult result = search_dual(twelve_cells(), dual_options(83));
  EXPECT_EQ(result.evaluations, 83U);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_EQ(result.best->priority.size(), 12U);
}

TEST(Dual, SameSeedSameSearch) {
  const TestProblem problem = twelve_cells();
  expect_same(search_dual(problem, dual_options(160)), search_dual(problem, dual_options(160)));
  SearchOptions other = dual_options(160);
  other.seed = 4;
  EXPECT_NE(search_dual(problem, dual_options(160)).best, search_dual(problem, other).best);
}

TEST(Dual, ResumedSearchIsBitIdenticalToOneNeverStopped) {
  const TestProblem problem = twelve_cells();
  SearchOptions whole = dual_options(400);
  whole.checkpoint = fresh_path("dual_whole");
  const SearchResult expected = search_dual(problem, whole);
  for (const std::uint64_t first : {std::uint64_t{160}, std::uint64_t{163}}) {
    SearchOptions options = dual_options(first);
    options.checkpoint = fresh_path("dual_part");
    static_cast<void>(search_dual(problem, options));
    options.budget.evaluations = 400;
    expect_same(search_dual(problem, options), expected);
    EXPECT_EQ(read_checkpoint(options.checkpoint).blobs, read_checkpoint(whole.checkpoint).blobs);
  }
}

// 48 ops of 10 to 99 us in six layers; each reads one or two of the layer before.
std::vector<TestOp> layers() {
  std::vector<TestOp> ops;
  Rng rng(4);
  for (std::size_t i = 0; i < 48; ++i) {
    TestOp op;
    op.micros = static_cast<std::int64_t>(10 + rng.below(90));
    op.bytes = static_cast<std::int64_t>(10'000 + rng.below(90'000));
    const std::size_t before = i / 8 * 8;
    if (before > 0) {
      op.reads.push_back(before - 8 + rng.below(8));
      const std::size_t other = before - 8 + rng.below(8);
      if (other != op.reads.front()) op.reads.push_back(other);
    }
    ops.push_back(std::move(op));
  }
  return ops;
}

TEST(Dual, BeatsHeft) {
  const TestProblem problem(layers(), {.devices = 4, .latency_us = 5, .bytes_per_second = 2e9});
  const auto simulator = sim::make_simulator(problem.costs(), {});
  AlgorithmRegistry registry;
  register_baselines(registry);
  register_policies(registry);
  SearchOptions options;
  options.budget.evaluations = 1'000;
  const auto step = [&](const char* name) {
    return registry.find(name).make()->run(problem.with(*simulator), options).outcome.step_time;
  };
  const double heft = step("heft").seconds();
  const double learned = step("dual").seconds();
  std::cout << "HEFT " << heft * 1e6 << " us, dual " << learned * 1e6 << " us" << std::endl;
  EXPECT_LT(learned, 0.97 * heft);
}

// A checkpoint of one graph starts the search on another: more nodes, more devices.
TEST(Dual, LearnedWeightsStartASearchOnAnotherGraph) {
  SearchOptions first = dual_options(800);
  first.checkpoint = fresh_path("dual_first");
  static_cast<void>(search_dual(twelve_cells(), first));
  const TestProblem larger(test::grid(5, 5, 70, 3'000), {.devices = 4});
  SearchOptions second = dual_options(16);
  second.parameters.emplace_back("policy", first.checkpoint);
  EXPECT_EQ(search_dual(larger, second).evaluations, 16U);
}

// Decoding comes first and teaches nothing: of 84 evaluations as many as the search wants, or 64 go
// to it, what is left to updates of 4.
TEST(Dual, DecodesATaughtPolicyIntoAsManyAsTheSearchWants) {
  SearchOptions first = dual_options(40);
  first.checkpoint = fresh_path("dual_taught");
  static_cast<void>(search_dual(twelve_cells(), first));
  const auto updates = [&](std::optional<std::size_t> decoded) {
    std::size_t lines = 0;
    SearchOptions second = dual_options(84);
    second.parameters.emplace_back("policy", first.checkpoint);
    second.decoded = decoded;
    second.metrics = [&](const std::string&) { ++lines; };
    EXPECT_EQ(search_dual(twelve_cells(), second).evaluations, 84U);
    return lines;
  };
  EXPECT_EQ(updates(std::nullopt), 20U / 4);
  EXPECT_EQ(updates(4), 80U / 4);
}

TEST(Dual, UnknownParameterIsAUsageError) {
  SearchOptions options = dual_options(8);
  options.parameters.emplace_back("depth", "2");
  EXPECT_THROW(static_cast<void>(search_dual(twelve_cells(), options)), Error);
}

// What imitation is to reach: the schedule's own devices and order come out of a cold policy.
TEST(Dual, ImitationReachesTheImitatedSchedule) {
  const TestProblem problem = twelve_cells();
  LoadAndCut evaluator(problem.costs());
  DualMethod method = dual_defaults();
  method.training.lr = 0.02;
  const auto learner = make_network_learner(
      make_dual_policy(problem.with(evaluator), method.network, 1), method.training);
  // Every column of the grid on a device of its own, by no means the earliest finish.
  Placement wanted;
  for (std::size_t v = 0; v < 12; ++v) wanted.device.push_back(id_at<DeviceId>(v / 3 % 3));
  const std::optional<Proposal> proposal = learner->proposal_of(wanted);
  ASSERT_TRUE(proposal.has_value());
  EXPECT_EQ(proposal->placement.device, wanted.device);
  // Devices are alike, so that which comes first is a matter of chance, whatever is learned: of the
  // 24 decisions' cross-entropy log 3 + log 2 stays, 0.0747 a decision.
  constexpr double enough = 0.0747 + 0.002;
  int updates = 0;
  while (updates < 600 && learner->imitate({&*proposal, 1}, enough).loss >= enough) ++updates;
  EXPECT_LT(updates, 600);
  std::vector<Rng> rngs;
  for (std::uint64_t k = 0; k < 20; ++k) rngs.emplace_back(k);
  const std::vector<Proposal> drawn = learner->sample(rngs);
  // Which nodes are together is what counts.
  std::size_t same = 0;
  for (const Proposal& sample : drawn) {
    bool equal = sample.placement.priority == proposal->placement.priority;
    for (std::size_t v = 0; v < 12; ++v) {
      for (std::size_t u = 0; u < v; ++u) {
        equal = equal && (sample.placement.device[u] == sample.placement.device[v]) ==
                             (wanted.device[u] == wanted.device[v]);
      }
    }
    same += equal ? 1 : 0;
  }
  EXPECT_GE(same, 15U);
}

TEST(Dual, DocumentListsEveryParameterWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/dual.md");
  DualMethod method = dual_defaults();
  const Settings settings = describe(method);
  for (const auto& [name, value] : settings.list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_THAT(page, testing::HasSubstr(row));
  }
}

}  // namespace
}  // namespace placer::policy
