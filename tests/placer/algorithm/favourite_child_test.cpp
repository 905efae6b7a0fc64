#include "placer/algorithm/favourite_child.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/naive_schedule.h"
#include "tests/support/owned_problem.h"

namespace placer {
namespace {

// Longest path when the edge e costs x[e] of its transfer: a schedule on unlimited devices.
double makespan_us(const CostModel& costs, const std::vector<SctEdge>& edges,
                   const std::vector<double>& x) {
  std::vector<double> start(costs.graph().size(), 0);
  double last = 0;
  const auto end = [&](std::size_t v) {
    return start[v] + costs.mean_time(id_at<NodeId>(v)).microseconds();
  };
  for (std::size_t e = 0; e < edges.size(); ++e) {  // by producer: a topological order
    double& there = start[index(edges[e].to)];
    there = std::max(there, end(index(edges[e].from)) + x[e] * edges[e].transfer_us);
  }
  for (std::size_t v = 0; v < start.size(); ++v) {
    last = std::max(last, end(v));
  }
  return last;
}

// Every choice of favourite children: edges in turn are favourites or not.
double best_by_enumeration(const CostModel& costs, const std::vector<SctEdge>& edges,
                           std::vector<double>& x, std::size_t next, std::set<NodeId>& parents,
                           std::set<NodeId>& children) {
  if (next == edges.size()) {
    return makespan_us(costs, edges, x);
  }
  x[next] = 1;
  double best = best_by_enumeration(costs, edges, x, next + 1, parents, children);
  const auto [from, to, transfer] = edges[next];
  if (!parents.contains(from) && !children.contains(to)) {
    parents.insert(from);
    children.insert(to);
    x[next] = 0;
    best = std::min(best, best_by_enumeration(costs, edges, x, next + 1, parents, children));
    x[next] = 1;
    parents.erase(from);
    children.erase(to);
  }
  return best;
}

class FavouriteChildren : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  // Times 1 .. 20, transfers 0 .. 15: large and small communication.
  test::OwnedProblem owned_{
      test::op_graph(GetParam(), {.ops = 9, .kinds = 1}), test::op_cluster(2, 1), {}};
  const CostModel& costs_ = owned_.costs;
  std::vector<SctEdge> edges_ = sct_edges(costs_, owned_.constraints);

  void expect_matching(const std::vector<NodeId>& favourite) const {
    std::set<NodeId> children;
    for (std::size_t v = 0; v < favourite.size(); ++v) {
      if (favourite[v] != id_at<NodeId>(v)) {
        EXPECT_TRUE(children.insert(favourite[v]).second);
        EXPECT_TRUE(std::any_of(edges_.begin(), edges_.end(), [&](const SctEdge& edge) {
          return index(edge.from) == v && edge.to == favourite[v];
        }));
      }
    }
  }
};

TEST_P(FavouriteChildren, TheProgramIsALowerBoundAndItsRoundingKeepsTheGuarantee) {
  const SctRelaxation relaxation = solve_sct(costs_, edges_).value();
  std::vector<double> x(edges_.size(), 1);
  std::set<NodeId> parents;
  std::set<NodeId> children;
  const double optimum = best_by_enumeration(costs_, edges_, x, 0, parents, children);
  EXPECT_LE(relaxation.makespan_us, optimum * (1 + 1e-6));
  // The relaxation is the longest path of its own x.
  EXPECT_NEAR(makespan_us(costs_, edges_, relaxation.x), relaxation.makespan_us,
              relaxation.makespan_us * 1e-6);

  const std::vector<NodeId> favourite = round_favourites(costs_.graph(), edges_, relaxation.x);
  expect_matching(favourite);
  // Hanen and Munier: an edge that is rounded up had x >= 1/2, so with c <= rho w its op and
  // transfer grow by (w + c) / (w + c / 2) <= (2 + 2 rho) / (2 + rho) at most.
  double rho = 0;
  for (std::size_t e = 0; e < edges_.size(); ++e) {
    x[e] = favourite[index(edges_[e].from)] == edges_[e].to ? 0 : 1;
    rho = std::max(rho, edges_[e].transfer_us / costs_.mean_time(edges_[e].from).microseconds());
  }
  EXPECT_LE(makespan_us(costs_, edges_, x),
            (2 + 2 * rho) / (2 + rho) * relaxation.makespan_us * (1 + 1e-5));
}

TEST_P(FavouriteChildren, GreedyOnesAreOnePerParentAndChild) {
  const std::vector<NodeId> favourite = greedy_favourites(costs_, edges_);
  expect_matching(favourite);
  // Nobody is left without a favourite while a consumer of its is nobody's.
  const std::set<NodeId> taken(favourite.begin(), favourite.end());
  for (const SctEdge& edge : edges_) {
    EXPECT_TRUE(favourite[index(edge.from)] != edge.from || taken.contains(edge.to));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FavouriteChildren, ::testing::Range<std::uint64_t>(0, 25));

TEST(FavouriteChild, OfAForkTheLongerBranch) {
  // a -> b (long), a -> c (short): the transfer to b is worth saving.
  std::vector<Node> nodes(3);
  KindTimes times;
  times.kind = "k0";
  for (std::size_t i = 0; i < 3; ++i) {
    nodes[i].name = std::string(1, static_cast<char>('a' + i));
    nodes[i].op = "test.op";
    TensorSpec tensor;
    tensor.transfer_us = 5;
    nodes[i].outputs = {tensor};
    if (i > 0) {
      nodes[i].inputs = {{id_at<NodeId>(0), 0}};
    }
    const SimTime time = from_microseconds(i == 1 ? 30 : 10);
    times.ops.emplace_back(OpTime{.time = time, .minimum = time});
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  workload.times.set(std::move(times));
  const test::OwnedProblem owned(std::move(workload), test::op_cluster(2, 1), {});
  const auto edges = sct_edges(owned.costs, owned.constraints);
  EXPECT_EQ(sct_rows(owned.costs, edges), 5U);  // two edges, two exits, one out-degree
  const SctRelaxation relaxation = solve_sct(owned.costs, edges).value();
  EXPECT_NEAR(relaxation.makespan_us, 40, 1e-6);
  const auto favourite = round_favourites(owned.workload.graph, edges, relaxation.x);
  EXPECT_EQ(favourite[0], id_at<NodeId>(1));
}

}  // namespace
}  // namespace placer
