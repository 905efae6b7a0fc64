#include "policy/schedule_features.h"

#include <cmath>

#include <gtest/gtest.h>

#include "placer/algorithm/contention_list.h"
#include "placer/algorithm/step_model.h"
#include "policy/node_features.h"
#include "tests/policy/test_problem.h"

namespace placer::policy {
namespace {

using test::LoadAndCut;
using test::TestCluster;
using test::TestOp;
using test::TestProblem;

constexpr std::size_t kWidth = ScheduleReader::kWidth;

TaskGraph graph_of(const TestProblem& problem) {
  LoadAndCut evaluator(problem.costs());
  return make_task_graph(problem.with(evaluator));
}

// 0 and 1 are read by 2. 1,000 bytes at 1 GB/s hold a link for 1 us, the latency is 2 us.
std::vector<TestOp> join(std::int64_t scale) {
  return {{.micros = 10 * scale, .reads = {}, .bytes = 1'000 * scale},
          {.micros = 20 * scale, .reads = {}, .bytes = 3'000 * scale},
          {.micros = 30 * scale, .reads = {0, 1}, .bytes = 4}};
}
constexpr TestCluster kTwo{.devices = 2, .latency_us = 2, .bytes_per_second = 1e9};

std::vector<float> rows_of_last(const TestProblem& problem) {
  const TaskGraph graph = graph_of(problem);
  ScheduleReader reader(graph);
  reader.place(0, 0);
  reader.place(1, 1);
  std::vector<float> rows(2 * kWidth);
  reader.read(2, reader.open(2), rows);
  return rows;
}

// Mean task time 20 us. Op 0 ends on device 0 at 10, op 1 on device 1 at 20. On device 0 op 2 waits
// for op 1's 3,000 bytes: 20 + 3 + 2 = 25, and ends at 55; on device 1 for op 0's 1,000, there at
// 13, and for op 1: it starts at 20 and ends at 50.
TEST(ScheduleReader, ColumnsOfAJoin) {
  const TestProblem problem(join(1), kTwo);
  const std::vector<float> rows = rows_of_last(problem);
  const double inputs = 3.0 + 5.0;  // mean transfers: 1 + 2 us and 3 + 2 us
  const double expected[2][kWidth] = {
      {std::log1p(5.0 / 20), 0, 5.0 / 35, std::log1p(5.0 / 20), std::log1p(15.0 / 20),
       std::log1p(3.0 / 20), 3 / inputs, 0, 0, std::log((10.0 + 20) / (15 + 20)), 0, 0, 1, 1},
      {0, 1, 0, 0, 0, std::log1p(1.0 / 20), 5 / inputs, 1, 0, std::log((20.0 + 20) / (15 + 20)), 0,
       0, 1, 1}};
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::size_t c = 0; c < kWidth; ++c) {
      EXPECT_NEAR(rows[d * kWidth + c], expected[d][c], 1e-6) << "device " << d << " column " << c;
    }
  }
}

// Ten times the times and bytes, over links with ten times the latency: the same numbers.
TEST(ScheduleReader, ColumnsDoNotDependOnUnits) {
  TestCluster slow = kTwo;
  slow.latency_us *= 10;
  const std::vector<float> one = rows_of_last(TestProblem(join(1), kTwo));
  const std::vector<float> ten = rows_of_last(TestProblem(join(10), slow));
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], ten[i], 1e-6) << i;
}

// Ops 0 and 1 have a reader in common: when 1 is scheduled, its sibling is on device 0.
TEST(ScheduleReader, SiblingsAreWhatTheReadersReadBesides) {
  const TaskGraph graph = graph_of(TestProblem(join(1), kTwo));
  ScheduleReader reader(graph);
  reader.place(0, 0);
  std::vector<float> rows(2 * kWidth);
  reader.read(1, reader.open(1), rows);
  constexpr std::size_t siblings = 8;
  constexpr std::size_t empty = 10;
  EXPECT_EQ(rows[siblings], 1);
  EXPECT_EQ(rows[kWidth + siblings], 0);
  EXPECT_EQ(rows[empty], 0);
  EXPECT_EQ(rows[kWidth + empty], 1);
}

// The earliest finish of every task in the order of rank is what ContentionList does.
TEST(ScheduleReader, EarliestFinishIsContentionLists) {
  const TestProblem problem(test::grid(6, 5, 40, 30'000),
                            {.devices = 3, .latency_us = 5, .bytes_per_second = 1e9});
  const TaskGraph graph = graph_of(problem);
  const StepModel model(graph);
  const auto expected = ContentionList(graph).run(model.by_rank(), {.bytes = graph.limit}, {});
  ScheduleReader reader(graph);
  std::vector<float> rows(3 * kWidth);
  for (int again = 0; again < 2; ++again) {
    reader.reset();
    for (const std::uint32_t task : model.by_rank()) {
      reader.read(task, reader.open(task), rows);
      std::uint32_t best = 0;
      while (rows[best * kWidth + ScheduleReader::kBest] == 0) ++best;
      reader.place(task, best);
    }
    EXPECT_EQ(reader.devices(), expected);
    EXPECT_GT(reader.makespan(), 0);
  }
}

TEST(ScheduleReader, OpensWhatIsAllowedAndNothingElse) {
  TestProblem problem = test::three_ops();
  problem.constraints().allowed[1] = 0b10;
  const TaskGraph graph = graph_of(problem);
  ScheduleReader reader(graph);
  EXPECT_EQ(reader.open(0), 0b11U);
  EXPECT_EQ(reader.open(1), 0b10U);
}

TEST(ScheduleReader, UnitsStayWhereTheirFirstMemberWent) {
  TestProblem problem = test::three_ops();
  problem.constraints().unit_of = {0, 1, 0};
  problem.constraints().num_units = 2;
  const TaskGraph graph = graph_of(problem);
  ScheduleReader reader(graph);
  reader.place(0, 1);
  reader.place(1, 0);
  EXPECT_EQ(reader.open(2), 0b10U);
}

// On the longest path top + bottom = 1; scaling everything changes nothing; more devices change
// only what is said of them.
TEST(NodeFeatures, ArePathsAndSharesWithoutUnits) {
  const NodeFeatures one = make_node_features(graph_of(TestProblem(join(1), kTwo)));
  TestCluster slow = kTwo;
  slow.latency_us *= 10;
  const NodeFeatures ten = make_node_features(graph_of(TestProblem(join(10), slow)));
  ASSERT_EQ(one.numbers.size(), 3 * NodeFeatures::kWidth);
  for (std::size_t i = 0; i < one.numbers.size(); ++i) {
    EXPECT_NEAR(one.numbers[i], ten.numbers[i], 1e-5) << i;
  }
  constexpr std::size_t top = 6;
  constexpr std::size_t bottom = 7;
  constexpr std::size_t slack = 8;
  // Longest path: 20 + (3 + 2) + 30 = 55 us; through op 0 it is 10 + (1 + 2) + 30 = 43.
  const float* last = one.numbers.data() + 2 * NodeFeatures::kWidth;
  EXPECT_NEAR(last[top], 25.0 / 55, 1e-6);
  EXPECT_NEAR(last[bottom], 30.0 / 55, 1e-6);
  EXPECT_NEAR(last[slack], 0, 1e-6);
  EXPECT_NEAR(one.numbers[slack], 12.0 / 55, 1e-6);
  EXPECT_NEAR(one.ranks[0], 43.0 / 20, 1e-6);
  EXPECT_NEAR(one.ranks[1], 40.0 / 20, 1e-6);
  EXPECT_NEAR(one.ranks[2], 0, 1e-6);
  EXPECT_NEAR(one.ranks[2 * NodeFeatures::kRanks + 2], 25.0 / 20, 1e-6);
  for (std::size_t i = 0; i < one.ranks.size(); ++i) EXPECT_NEAR(one.ranks[i], ten.ranks[i], 1e-5);
}

}  // namespace
}  // namespace placer::policy
