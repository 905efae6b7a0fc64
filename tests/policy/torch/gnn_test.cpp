#include "policy/torch/gnn.h"

#include <cmath>
#include <filesystem>
#include <stop_token>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "policy/checkpoint_file.h"
#include "policy/register.h"
#include "policy/torch/single_thread.h"
#include "tests/policy/torch/numerical_gradient.h"
#include "tests/policy/torch/small_policy.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

constexpr GraphNetworkParameters kSmallNetwork{.hidden = 8, .layers = 2, .pair = 8};

TestProblem twelve_cells(std::size_t devices = 3) {
  return TestProblem(test::grid(3, 4, 50, 100), {.devices = devices});
}

struct Policy {
  //   gain  of the weights that scores come from; far from uniform unless another is given
  explicit Policy(const TestProblem& problem, at::ScalarType dtype = at::kFloat, double gain = 20)
      : evaluator(problem.costs()),
        network(make_graph_policy(problem.with(evaluator),
                                  std::make_unique<GraphNetwork>(kSmallNetwork, 1, dtype))) {
    const at::NoGradGuard guard;
    for (const NamedTensor& parameter : network->parameters()) {
      at::Tensor value = parameter.value;
      if (parameter.name.starts_with("score")) value.mul_(gain);
    }
  }
  LoadAndCut evaluator;
  std::unique_ptr<PolicyNetwork> network;
};

std::vector<Placement> every_placement(std::size_t nodes, std::size_t devices) {
  std::vector<Placement> all(1);
  for (std::size_t v = 0; v < nodes; ++v) {
    std::vector<Placement> longer;
    for (const Placement& placement : all) {
      for (std::size_t d = 0; d < devices; ++d) {
        longer.push_back(placement);
        longer.back().device.push_back(id_at<DeviceId>(d));
      }
    }
    all = std::move(longer);
  }
  return all;
}

// Given how a proposal was drawn, all that may come of it have probability 1 together.
TEST(GraphPolicy, ProbabilitiesOfAllProposalsSumToOne) {
  TestProblem problem = test::four_ops();
  problem.constraints().allowed[1] = 0b101;
  Policy policy(problem);
  policy.network->rebase(all_on(problem.graph(), DeviceId{0}));
  policy.network->encode();
  auto streams = test::rngs(5, 0, 12);
  for (const Proposal& drawn : policy.network->sample(streams)) {
    double sum = 0;
    const bool whole = drawn.latent.at(2) == 0;
    for (const Placement& placement : every_placement(4, 3)) {
      if (placement.device[1] == DeviceId{1}) continue;
      const Proposal proposal{.placement = placement, .latent = drawn.latent};
      const at::Tensor decisions = policy.network->evaluate({&proposal, 1}).log_probability;
      // Outside its region a unit stays.
      bool reachable = true;
      for (std::int64_t v = 0; v < 4; ++v) {
        const bool decided = decisions[v + 1][0].item<double>() != 0;
        reachable =
            reachable && (decided || placement.device[static_cast<std::size_t>(v)] == DeviceId{0});
      }
      if (reachable) sum += std::exp(decisions.narrow(0, 1, 4).sum().item<double>());
    }
    EXPECT_NEAR(sum, 1, 1e-5) << (whole ? "the whole graph" : "a region");
  }
}

TEST(GraphPolicy, FocusesHaveProbabilityOneTogether) {
  const TestProblem problem = twelve_cells();
  Policy policy(problem);
  const Placement base = all_on(problem.graph(), DeviceId{0});
  policy.network->rebase(base);
  policy.network->encode();
  double sum = 0;
  for (std::int32_t focus = 0; focus < 12; ++focus) {
    const Proposal proposal{.placement = base, .latent = {0, focus, 1, 1}};
    sum += std::exp(policy.network->evaluate({&proposal, 1}).log_probability[0][0].item<double>());
  }
  EXPECT_NEAR(sum, 1, 1e-5);
}

Placement placed_on(const std::vector<std::size_t>& devices) {
  Placement placement;
  for (const std::size_t device : devices) placement.device.push_back(id_at<DeviceId>(device));
  return placement;
}

// The gradient of the log-probabilities of focuses and devices and of the entropy, through the
// bound of the scores. Proposals are regions, one of them with a target that unit 4 may not use,
// and the whole graph; unit 3 never moves.
TEST(GraphPolicy, HasTheNumericalGradient) {
  const SingleThread guard;  // tensors this small gain nothing from more
  TestProblem problem(test::grid(2, 3, 50, 10'000), {.devices = 3});
  problem.constraints().allowed[3] = 0b010;
  problem.constraints().allowed[4] = 0b011;
  const Policy policy(problem, at::kDouble);
  policy.network->rebase(placed_on({0, 1, 2, 1, 1, 0}));
  policy.network->encode();
  const std::vector<Proposal> proposals = {
      {.placement = placed_on({2, 1, 0, 1, 1, 0}), .latent = {5'000, 0, 4, 2}},
      {.placement = placed_on({0, 1, 1, 1, 0, 0}), .latent = {-20'000, 4, 2, 2}},
      {.placement = placed_on({0, 1, 2, 1, 1, 0}), .latent = {12'000, 5, 2, 1}},
      {.placement = placed_on({1, 0, 2, 1, 0, 2}), .latent = {-3'000, 0, 0, 0}}};
  // The focus, then the units.
  ASSERT_EQ(policy.network->evaluate(proposals).log_probability.size(0), 7);
  test::expect_numerical_gradient_of_evaluation(*policy.network, proposals);
}

// Unit 4 is on device 0. A bias of 0.5 is for staying there, and 2 for the target, device 2.
TEST(GraphPolicy, BiasAndTargetAddToTheScores) {
  const TestProblem problem = twelve_cells();
  const Policy policy(problem, at::kDouble);
  const Placement base = all_on(problem.graph(), DeviceId{0});
  policy.network->rebase(base);
  policy.network->encode();
  const auto log_odds = [&](std::size_t device, const std::vector<std::int32_t>& latent) {
    std::vector<Proposal> both(2, Proposal{.placement = base, .latent = latent});
    both[1].placement.device[4] = id_at<DeviceId>(device);
    const at::Tensor decided = policy.network->evaluate(both).log_probability[5];
    return (decided[1] - decided[0]).item<double>();
  };
  const std::vector<std::int32_t> plain = {0, 0, 0, 0};
  const std::vector<std::int32_t> pushed = {5'000, 4, 1, 2};
  EXPECT_NEAR(log_odds(1, pushed), log_odds(1, plain) - 0.5, 1e-12);
  EXPECT_NEAR(log_odds(2, pushed), log_odds(2, plain) - 0.5 + 2, 1e-12);
}

// However large the weights, scores are within 2, so that two devices of a unit are 4 nats apart at
// most, and half of the focuses are any of the twelve units.
TEST(GraphPolicy, EveryDeviceAndEveryUnitKeepsAChance) {
  const TestProblem problem = twelve_cells();
  const Policy policy(problem, at::kDouble, /*gain=*/1e4);
  const Placement base = all_on(problem.graph(), DeviceId{0});
  policy.network->rebase(base);
  policy.network->encode();
  for (std::int32_t unit = 0; unit < 12; ++unit) {
    std::vector<Proposal> proposals(3, Proposal{.placement = base, .latent = {0, 0, 0, 0}});
    for (std::size_t device = 0; device < 3; ++device) {
      proposals[device].placement.device[static_cast<std::size_t>(unit)] = id_at<DeviceId>(device);
    }
    const at::Tensor devices = policy.network->evaluate(proposals).log_probability[unit + 1];
    EXPECT_LE((devices.max() - devices.min()).item<double>(), 4 + 1e-9);
    const Proposal focused{.placement = base, .latent = {0, unit, 1, 0}};
    const at::Tensor decisions = policy.network->evaluate({&focused, 1}).log_probability;
    EXPECT_GE(std::exp(decisions[0][0].item<double>()), 0.5 / 12 - 1e-9);
  }
}

TEST(GraphPolicy, SamplesDependOnTheirOwnStreamAlone) {
  const TestProblem problem = twelve_cells();
  Policy policy(problem);
  policy.network->rebase(all_on(problem.graph(), DeviceId{0}));
  policy.network->encode();
  auto together = test::rngs(7, 2, 8);
  const auto all = policy.network->sample(together);
  auto streams = test::rngs(7, 2, 8);
  const auto alone = policy.network->sample({&streams[5], 1});
  EXPECT_EQ(alone[0], all[5]);
}

TEST(GraphPolicy, DecodesAtMostWhatIsWantedEndingWithAllThatWouldMove) {
  const TestProblem problem = twelve_cells();
  Policy policy(problem);
  Placement scattered = all_on(problem.graph(), DeviceId{0});
  for (std::size_t v = 0; v < 12; ++v) scattered.device[v] = id_at<DeviceId>(v % 3);
  policy.network->rebase(scattered);
  const std::vector<Proposal> all = policy.network->decode(std::nullopt);
  ASSERT_GT(all.size(), 1U);
  EXPECT_EQ(policy.network->decode(1), std::vector{all.back()});
}

TEST(GraphPolicy, ForbiddenDevicesAreNeverUsed) {
  TestProblem problem = twelve_cells();
  for (std::size_t v = 0; v < 12; ++v)
    problem.constraints().allowed[v] = v % 2 == 0 ? 0b011 : 0b001;
  Policy policy(problem);
  policy.network->rebase(all_on(problem.graph(), DeviceId{0}));
  policy.network->encode();
  auto streams = test::rngs(1, 0, 200);
  auto proposals = policy.network->sample(streams);
  for (Proposal& decoded : policy.network->decode(std::nullopt))
    proposals.push_back(std::move(decoded));
  bool moved = false;
  for (const Proposal& proposal : proposals) {
    for (std::size_t v = 0; v < 12; ++v) {
      EXPECT_LE(index(proposal.placement.device[v]), v % 2 == 0 ? 1U : 0U);
      moved = moved || proposal.placement.device[v] != DeviceId{0};
    }
  }
  EXPECT_TRUE(moved);
}

// --- the algorithm ---

TEST(Gnn, DocumentListsEveryParameterWithItsDefault) {
  const std::string page = read_file(std::string(PLACER_SOURCE_ROOT) + "/docs/gnn.md");
  GnnMethod method = gnn_defaults();
  for (const auto& [name, value] : describe(method).list()) {
    const std::string row = "| `" + name + "` | " + (value.empty() ? "(none)" : value) + " |";
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

std::unique_ptr<Algorithm> gnn() {
  AlgorithmRegistry registry;
  register_policies(registry);
  return registry.find("gnn").make();
}

SearchOptions gnn_options(std::uint64_t evaluations) {
  SearchOptions options;
  options.budget.evaluations = evaluations;
  options.seed = 3;
  options.parameters = {{"hidden", "8"}, {"pair", "8"}};
  return options;
}

SearchResult run_gnn(const TestProblem& problem, const SearchOptions& options,
                     std::size_t max_ops = 1000) {
  LoadAndCut evaluator(problem.costs(), 10, max_ops);
  return gnn()->run(problem.with(evaluator), options);
}

// 12 cells of 50 us on three devices: 200 us and some cuts are the best.
TEST(Gnn, FindsTheBalancedSplitOfASmallGrid) {
  const SearchResult result = run_gnn(twelve_cells(), gnn_options(3000));
  EXPECT_EQ(result.evaluations, 3000U);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_LE(result.outcome.step_time.microseconds(), 200 + 10 * 10);
}

// Mean time of the samples of every update.
std::vector<double> sample_means(std::uint64_t seed) {
  SearchOptions options = gnn_options(120);
  options.seed = seed;
  std::vector<double> means;
  options.metrics = [&](const std::string& line) {
    means.push_back(nlohmann::json::parse(line).at("sample_mean_ms"));
  };
  static_cast<void>(run_gnn(twelve_cells(), options));
  return means;
}

TEST(Gnn, SameSeedSameSearchAndSeedsDiffer) {
  EXPECT_GT(sample_means(3).size(), 20U);
  EXPECT_EQ(sample_means(3), sample_means(3));
  EXPECT_NE(sample_means(3), sample_means(4));
}

TEST(Gnn, NothingFitsIsAResult) {
  const SearchResult result = run_gnn(twelve_cells(), gnn_options(80), 2);
  EXPECT_FALSE(result.best.has_value());
  EXPECT_EQ(result.evaluations, 80U);
}

// At most five cells fit a device: the start, all on one, does not.
TEST(Gnn, FindsWhatFits) {
  EXPECT_TRUE(run_gnn(twelve_cells(), gnn_options(600), 5).best.has_value());
}

class GnnCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        testing::TempDir() + "gnn_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

// Elites are kept with how they were drawn.
TEST_F(GnnCheckpoint, KilledSearchEndsAsOneNeverKilled) {
  const TestProblem problem = twelve_cells();
  SearchOptions options = gnn_options(400);
  options.parameters.emplace_back("elites", "3");
  const SearchResult expected = run_gnn(problem, options);
  options.checkpoint = path_;
  options.parameters.emplace_back("checkpoint_updates", "10");
  options.metrics = [&](const std::string& line) {
    if (nlohmann::json::parse(line).at("step") == 37) throw std::runtime_error("killed");
  };
  EXPECT_THROW(static_cast<void>(run_gnn(problem, options)), std::runtime_error);
  EXPECT_EQ(read_checkpoint(path_).state.updates, 30U);
  options.metrics = nullptr;
  const SearchResult result = run_gnn(problem, options);
  EXPECT_EQ(result.best, expected.best);
  EXPECT_EQ(result.evaluations, expected.evaluations);
  EXPECT_EQ(result.history.size(), expected.history.size());
}

// What it would begin from is not known then: it is not kept.
TEST_F(GnnCheckpoint, SearchThatIsStoppedAtOnceBeginsAnew) {
  const TestProblem problem = twelve_cells();
  const SearchResult expected = run_gnn(problem, gnn_options(200));
  SearchOptions options = gnn_options(200);
  options.checkpoint = path_;
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  EXPECT_EQ(run_gnn(problem, options).evaluations, 0U);
  options.stop = {};
  EXPECT_EQ(run_gnn(problem, options).best, expected.best);
}

// Weights know neither the graph nor the number of devices; their shape is in the file.
TEST_F(GnnCheckpoint, PolicyOfOneGraphPlacesAnother) {
  SearchOptions first = gnn_options(200);
  first.checkpoint = path_;
  static_cast<void>(run_gnn(twelve_cells(3), first));
  const TestProblem other(test::grid(2, 3, 70, 1000), {.devices = 2});
  SearchOptions second;
  second.budget.evaluations = 100;
  second.parameters = {{"policy", path_}, {"zero_shot", "on"}};
  const SearchResult result = run_gnn(other, second);
  ASSERT_TRUE(result.best.has_value());
  EXPECT_LE(result.outcome.step_time, result.history.front().best);
  EXPECT_LT(result.evaluations, 40U);
}

TEST_F(GnnCheckpoint, PolicyOfAnotherMethodIsRefused) {
  const TestProblem problem = twelve_cells();
  AlgorithmRegistry registry;
  register_policies(registry);
  LoadAndCut evaluator(problem.costs());
  SearchOptions first = gnn_options(80);
  first.parameters = {{"hidden", "8"}};
  first.checkpoint = path_;
  static_cast<void>(registry.find("colocrl").make()->run(problem.with(evaluator), first));
  SearchOptions second;
  second.budget.evaluations = 80;
  second.parameters = {{"policy", path_}};
  EXPECT_THROW(static_cast<void>(run_gnn(problem, second)), Error);
}

}  // namespace
}  // namespace placer::policy
