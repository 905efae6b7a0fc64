// Real networks at learning rates that nothing survives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "policy/torch/dual_policy.h"
#include "policy/torch/network_learner.h"
#include "policy/torch/sequence_policy.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/same_search.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;

struct WildCase {
  const char* name;
  double lr;
  Loss loss;
  std::int64_t elites;
  bool dual;
};

struct WildRun {
  SearchResult result;
  std::uint64_t rollbacks = 0;
};

WildRun search_wildly(const WildCase& how) {
  const TestProblem problem(test::grid(3, 3, 50, 100), {.devices = 3});
  LoadAndCut evaluator(problem.costs());
  TrainingParameters training;
  training.lr = how.lr;
  training.loss = how.loss;
  training.elites = how.elites;
  const MakeNetwork make = [&](const Problem& of, std::uint64_t seed,
                               const at::TensorOptions& numbers) {
    SequenceParameters small;
    small.hidden = 8;
    return how.dual ? make_dual_policy(of, {}, seed, numbers)
                    : make_sequence_policy(of, small, seed, numbers);
  };
  WildRun run;
  SearchOptions options;
  options.budget.evaluations = 400;
  options.metrics = [&](const std::string& line) {
    run.rollbacks = nlohmann::json::parse(line).at("rollbacks");
  };
  Settings settings("wild");
  run.result = train_network(problem.with(evaluator), options, "wild", training, settings, make);
  return run;
}

class WildLearning : public testing::TestWithParam<WildCase> {};

TEST_P(WildLearning, IsUndoneAgainAndAgainAndTheSearchGoesOn) {
  const WildRun run = search_wildly(GetParam());
  EXPECT_GE(run.rollbacks, 10U);
  EXPECT_THAT(run.result.trouble, testing::HasSubstr("blew up and was put back"));
  EXPECT_EQ(run.result.evaluations, 400U);
  // Samples of the policy that it begins with spread over all devices: better than one device.
  EXPECT_LT(run.result.outcome.step_time, (SimTime{450'000'000}));
  const WildRun again = search_wildly(GetParam());
  EXPECT_EQ(again.rollbacks, run.rollbacks);
  test::expect_same(again.result, run.result);
}

void PrintTo(const WildCase& how, std::ostream* out) {
  *out << how.name;
}

INSTANTIATE_TEST_SUITE_P(Networks, WildLearning,
                         testing::Values(WildCase{"elites", 1e8, Loss::kReinforce, 4, false},
                                         WildCase{"no_elites", 1e8, Loss::kReinforce, 0, false},
                                         WildCase{"overflow", 1e30, Loss::kReinforce, 4, false},
                                         WildCase{"ppo", 1e8, Loss::kPpo, 4, false},
                                         WildCase{"dual", 1e8, Loss::kReinforce, 4, true},
                                         WildCase{"dual_overflow", 1e30, Loss::kReinforce, 0,
                                                  true}));

TEST(TameLearning, OrdinaryLearningRatesAreLeftAlone) {
  for (const Loss loss : {Loss::kReinforce, Loss::kPpo}) {
    for (const double lr : {1e-3, 3e-2}) {
      const WildRun run = search_wildly({"", lr, loss, 4, false});
      EXPECT_EQ(run.rollbacks, 0U) << lr;
      EXPECT_EQ(run.result.trouble, "");
    }
  }
}

}  // namespace
}  // namespace placer::policy
