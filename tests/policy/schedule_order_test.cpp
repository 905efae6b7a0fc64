#include "policy/schedule_order.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/algorithm/step_model.h"
#include "placer/base/random.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestProblem;
using testing::ElementsAre;

TaskGraph graph_of(const TestProblem& problem) {
  LoadAndCut evaluator(problem.costs());
  return make_task_graph(problem.with(evaluator));
}

// 0 -> 1 -> 3, 0 -> 2 -> 3
TestProblem diamond() {
  return TestProblem({{.micros = 10, .reads = {}, .bytes = 4},
                      {.micros = 20, .reads = {0}, .bytes = 4},
                      {.micros = 30, .reads = {0}, .bytes = 4},
                      {.micros = 10, .reads = {1, 2}, .bytes = 4}},
                     {.devices = 2});
}

TEST(ReadyTasks, BecomeReadyWhenTheLastThatTheyReadIsDone) {
  const TaskGraph graph = graph_of(diamond());
  ReadyTasks ready(graph);
  EXPECT_EQ(ready.num_steps(), 4U);
  std::vector<std::uint32_t> now;
  const auto note = [&](std::uint32_t task) { now.push_back(task); };
  for (int again = 0; again < 2; ++again) {
    now.clear();
    ready.begin(note);
    EXPECT_THAT(now, ElementsAre(0));
    ready.done(0, note);
    EXPECT_THAT(now, ElementsAre(0, 1, 2));
    ready.done(2, note);
    EXPECT_THAT(now, ElementsAre(0, 1, 2));
    ready.done(1, note);
    EXPECT_THAT(now, ElementsAre(0, 1, 2, 3));
  }
}

TEST(ScheduleOrder, PrioritiesFallAlongTheOrderAndReadBack) {
  const TaskGraph graph = graph_of(diamond());
  const std::vector<std::uint32_t> order = {0, 2, 1, 3};
  const auto priority = to_priority(graph, order);
  EXPECT_THAT(priority, ElementsAre(4, 2, 3, 1));
  EXPECT_EQ(to_order(graph, priority), order);
}

// One device: what is ready runs by priority, here the second branch first.
TEST(ScheduleOrder, OfStartsFollowsThePlacementsPriorities) {
  const TaskGraph graph = graph_of(diamond());
  Placement placement{.device = std::vector<DeviceId>(4), .priority = {0, 1, 2, 3}};
  EXPECT_THAT(order_of_starts(graph, placement), ElementsAre(0, 2, 1, 3));
  placement.priority = {0, 2, 1, 3};
  EXPECT_THAT(order_of_starts(graph, placement), ElementsAre(0, 1, 2, 3));
}

// With priorities made from the order of starts the step is the same as before.
TEST(ScheduleOrder, OfStartsLeadsToTheSameStep) {
  const TestProblem problem(test::grid(5, 6, 50, 20'000),
                            {.devices = 3, .latency_us = 5, .bytes_per_second = 1e9});
  const TaskGraph graph = graph_of(problem);
  Rng rng(2);
  for (int trial = 0; trial < 20; ++trial) {
    Placement placement;
    std::vector<std::uint8_t> device;
    for (std::uint32_t t = 0; t < graph.num_tasks; ++t) {
      device.push_back(static_cast<std::uint8_t>(rng.below(3)));
      placement.device.push_back(id_at<DeviceId>(device.back()));
      placement.priority.push_back(static_cast<std::int64_t>(rng.below(10)));
    }
    const std::vector<std::uint32_t> order = order_of_starts(graph, placement);
    ReadyTasks ready(graph);
    std::vector<bool> is_ready(graph.num_tasks, false);
    const auto note = [&](std::uint32_t task) { is_ready[task] = true; };
    ready.begin(note);
    for (const std::uint32_t task : order) {
      EXPECT_TRUE(is_ready[task]);
      ready.done(task, note);
    }
    StepModel model(graph);
    std::vector<std::uint32_t> given(graph.num_tasks);
    std::iota(given.begin(), given.end(), 0);
    std::stable_sort(given.begin(), given.end(), [&](std::uint32_t a, std::uint32_t b) {
      return placement.priority[a] > placement.priority[b];
    });
    EXPECT_EQ(model.run(device, order), model.run(device, given));
  }
}

}  // namespace
}  // namespace placer::policy
