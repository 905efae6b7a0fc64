#include "policy/register.h"

#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/policy/test_problem.h"
#include "tests/policy/torch/same_search.h"

namespace placer::policy {
namespace {

SearchResult search_shortly(const AlgorithmEntry& method, const std::vector<test::TestOp>& ops) {
  const test::TestProblem problem(ops, {.devices = 3, .latency_us = 5, .bytes_per_second = 1e9});
  const auto simulator = sim::make_simulator(problem.costs(), {});
  SearchOptions options;
  options.budget.evaluations = 60;
  return method.make()->run(problem.with(*simulator), options);
}

// The other names sort the other way round.
TEST(RegisteredPolicies, DoNotSeeTheNamesOfNodes) {
  const std::vector<test::TestOp> ops = test::grid(3, 4, 50, 10'000);
  std::vector<test::TestOp> renamed = ops;
  for (std::size_t i = 0; i < ops.size(); ++i) renamed[i].name = "cell" + std::to_string(99 - i);
  AlgorithmRegistry registry;
  register_policies(registry);
  for (const AlgorithmEntry& method : registry.entries()) {
    SCOPED_TRACE(method.name);
    const SearchResult result = search_shortly(method, ops);
    EXPECT_TRUE(result.best.has_value());
    test::expect_same(result, search_shortly(method, renamed));
  }
}

}  // namespace
}  // namespace placer::policy
