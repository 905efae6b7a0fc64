#include <set>

#include <gtest/gtest.h>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/expert_rules.h"
#include "placer/base/error.h"
#include "placer/base/files.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/owned_problem.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

class ExpertTest : public ::testing::Test {
 protected:
  void run(Workload workload, std::size_t devices) {
    workload_ = std::move(workload);
    const Cluster cluster = test::cpu_cores(devices);
    const CostModel costs(workload_, cluster);
    const Constraints constraints = resolve_constraints(costs, {});
    test::LoadEvaluator evaluator(costs, constraints);
    result_ =
        expert()->run({.costs = costs, .constraints = constraints, .evaluator = evaluator}, {});
    ASSERT_TRUE(result_.best.has_value());
  }
  [[nodiscard]] std::uint32_t device(const std::string& name) const {
    return static_cast<std::uint32_t>(
        result_.best->device[index(workload_.graph.find(name).value())]);
  }

  Workload workload_ = test::training_chain(1);
  SearchResult result_;
};

TEST_F(ExpertTest, CutsLayersIntoEqualRunsWithTheirBackwardOps) {
  run(test::training_chain(8), 2);
  for (int i = 0; i < 8; ++i) {
    const std::string layer = "layer" + std::to_string(i);
    EXPECT_EQ(device(layer + "/forward"), i < 4 ? 0U : 1U);
    for (const std::string part : {"/dw", "/update", ".weight"}) {
      EXPECT_EQ(device(layer + part), device(layer + "/forward")) << layer << part;
    }
  }
}

TEST_F(ExpertTest, GivesEveryRecurrentLayerADevice) {
  test::WorkloadMaker maker;
  std::vector<TensorRef> hidden;
  hidden.reserve(4);
  for (int layer = 0; layer < 4; ++layer) {
    hidden.push_back(maker.input("h" + std::to_string(layer), 4));
  }
  for (int t = 0; t < 5; ++t) {
    TensorRef below = maker.input("x" + std::to_string(t), 4);
    for (std::size_t layer = 0; layer < 4; ++layer) {
      const std::string name = std::to_string(layer) + "_" + std::to_string(t);
      below = maker.op("cell" + name, {.inputs = {below, hidden[layer]},
                                       .time_us = 100,
                                       .module = "rnn.cells." + std::to_string(layer)});
      hidden[layer] = below;
    }
  }
  run(maker.finish(), 4);
  for (int layer = 0; layer < 4; ++layer) {
    for (int t = 0; t < 5; ++t) {
      EXPECT_EQ(device("cell" + std::to_string(layer) + "_" + std::to_string(t)),
                static_cast<std::uint32_t>(layer));
    }
  }
}

TEST_F(ExpertTest, WithoutModulePathsCutsTheOrder) {
  test::WorkloadMaker maker;
  TensorRef value = maker.input("x", 4);
  for (int i = 0; i < 6; ++i) {
    value = maker.op("op" + std::to_string(i), {.inputs = {value}, .time_us = 100});
  }
  run(maker.finish(), 3);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(device("op" + std::to_string(i)), static_cast<std::uint32_t>(i / 2));
  }
}

TEST(ExpertRules, TheFirstLineThatMatchesDecides) {
  test::OwnedProblem owned(test::training_chain(4), test::cpu_cores(3), {.pin = {"layer3=cpu:0"}});
  const std::string file = ::testing::TempDir() + "expert_rules_test.txt";
  write_file(file,
             "# the head apart\n"
             "layer2 -> cpu:2\n"
             "layer*   -> cpu:1   # the rest; layer3 may not\n");
  SearchOptions options;
  options.parameters = {{"rules", file}};
  const SearchResult result = expert()->run(owned.problem(), options);
  ASSERT_TRUE(result.best.has_value());
  const auto device = [&](const std::string& name) {
    return index(result.best->device[index(owned.workload.graph.find(name).value())]);
  };
  EXPECT_EQ(device("layer0/forward"), 1U);
  EXPECT_EQ(device("layer2/forward"), 2U);
  EXPECT_EQ(device("layer2/update"), 2U);
  EXPECT_EQ(device("layer3/forward"), 0U);
}

TEST(ExpertRules, MistakesNameFileAndLine) {
  test::OwnedProblem owned(test::training_chain(2), test::cpu_cores(2), {});
  const auto message = [&](const std::string& text) -> std::string {
    try {
      (void)apply_expert_rules(owned.problem(), parse_expert_rules(text, "rules.txt"), "rules.txt");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message("layer0 -> cpu:0\n\nlayer1 cpu:1\n"),
            "rules.txt:3: expected GLOB -> DEVICE, found \"layer1 cpu:1\"");
  EXPECT_EQ(message("layer0 ->   # nothing"),
            "rules.txt:1: expected GLOB -> DEVICE, found \"layer0 ->\"");
  EXPECT_EQ(message("# only this\n"), "rules.txt:1: expected lines GLOB -> DEVICE, found none");
  EXPECT_EQ(message("layer0 -> cpu:7"),
            "rules.txt:1: the cluster has no device \"cpu:7\" (did you mean \"cpu:0\"?)");
  EXPECT_EQ(message("layer0 -> cpu:0\nhead -> cpu:1"), "rules.txt:2: \"head\" matches no node");
}

}  // namespace
}  // namespace placer
