#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "placer/algorithm/list_schedulers.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

// The example of Topcuoglu, Hariri, Wu (IEEE TPDS 2002, figures 3 and 4): ten tasks on three
// processors with unrelated times.
constexpr std::array<std::array<double, 3>, 10> kTimes = {{{14, 16, 9},
                                                           {13, 19, 18},
                                                           {11, 13, 19},
                                                           {13, 8, 17},
                                                           {12, 13, 10},
                                                           {13, 16, 9},
                                                           {7, 15, 11},
                                                           {5, 11, 14},
                                                           {18, 12, 20},
                                                           {21, 7, 16}}};
struct Edge {
  std::size_t from;
  std::size_t to;
  std::int64_t time;
};
constexpr std::array<Edge, 15> kEdges = {{{1, 2, 18},
                                          {1, 3, 12},
                                          {1, 4, 9},
                                          {1, 5, 11},
                                          {1, 6, 14},
                                          {2, 8, 19},
                                          {2, 9, 16},
                                          {3, 7, 23},
                                          {4, 8, 27},
                                          {4, 9, 23},
                                          {5, 9, 13},
                                          {6, 8, 15},
                                          {7, 10, 17},
                                          {8, 10, 11},
                                          {9, 10, 13}}};

// One output per edge, of as many bytes as the edge has time units (1 us), so that a link of one
// byte per unit gives the edge's time.
Workload published_graph() {
  std::vector<Node> nodes(kTimes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].name = "T" + std::to_string(i + 1);
    nodes[i].op = "task";
  }
  for (const Edge& edge : kEdges) {
    Node& from = nodes[edge.from - 1];
    TensorSpec tensor;
    tensor.bytes = Bytes{edge.time};
    nodes[edge.to - 1].inputs.push_back(
        {id_at<NodeId>(edge.from - 1), static_cast<std::uint32_t>(from.outputs.size())});
    from.outputs.push_back(tensor);
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  for (std::size_t d = 0; d < 3; ++d) {
    KindTimes times{"P" + std::to_string(d + 1), {}, {}};
    for (const Node& node : workload.graph.nodes()) {
      OpTime op;
      op.time = from_microseconds(kTimes[std::stoul(node.name.substr(1)) - 1][d]);
      op.minimum = op.time;
      times.ops.emplace_back(op);
    }
    workload.times.set(std::move(times));
  }
  return workload;
}

Cluster three_processors() {
  std::vector<Device> devices(3);
  Link link;
  link.name = "free";
  link.bytes_per_second = 1e6;
  for (std::size_t a = 0; a < 3; ++a) {
    devices[a].name = devices[a].kind = "P" + std::to_string(a + 1);
    devices[a].memory = Bytes{1 << 20};
    for (std::size_t b = 0; b < 3; ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  return {"published", std::move(devices), {link}};
}

// Makespan of a placement when every task starts as early as its inputs and its device allow, tasks
// by rank, gaps being filled, links free: computed afresh, without the scheduler under test.
SimTime makespan(const CostModel& costs, const Placement& placement,
                 const std::vector<std::string>& order) {
  const Graph& graph = costs.graph();
  std::vector<std::vector<std::pair<SimTime, SimTime>>> busy(3);
  std::vector<SimTime> end(graph.size());
  SimTime last;
  for (const std::string& name : order) {
    const NodeId id = graph.find(name).value();
    const DeviceId device = placement.device[index(id)];
    SimTime start;
    for (const TensorRef input : graph.node(id).inputs) {
      start = std::max(start, end[index(input.node)] +
                                  costs.transfer_time(graph.tensor(input),
                                                      placement.device[index(input.node)], device));
    }
    auto& slots = busy[index(device)];
    std::sort(slots.begin(), slots.end());
    const SimTime time = costs.op_time(id, device);
    for (const auto& [from, to] : slots) {
      if (start + time > from && start < to) {
        start = to;
      }
    }
    slots.emplace_back(start, start + time);
    end[index(id)] = start + time;
    last = std::max(last, end[index(id)]);
  }
  return last;
}

TEST(Heft, ReproducesThePublishedSchedule) {
  const Workload workload = published_graph();
  const Cluster cluster = three_processors();
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, constraints);
  const SearchResult result =
      heft()->run({.costs = costs, .constraints = constraints, .evaluator = evaluator}, {});
  ASSERT_TRUE(result.best.has_value());
  // T1 P3, T3 P3, T4 P2, T2 P1, T5 P3, T6 P2, T9 P2, T7 P3, T8 P1, T10 P2.
  const std::vector<std::uint32_t> expected = {2, 0, 2, 1, 2, 1, 2, 0, 1, 1};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const NodeId id = workload.graph.find("T" + std::to_string(i + 1)).value();
    EXPECT_EQ(static_cast<std::uint32_t>(result.best->device[index(id)]), expected[i])
        << "T" << i + 1;
  }
  EXPECT_EQ(
      makespan(costs, *result.best, {"T1", "T3", "T4", "T2", "T5", "T6", "T9", "T7", "T8", "T10"}),
      from_microseconds(80));
}

TEST(Heft, PutsIndependentChainsOnDifferentDevices) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  for (const std::string chain : {"a", "b"}) {
    TensorRef value = x;
    for (int i = 0; i < 4; ++i) {
      value = maker.op(chain + std::to_string(i), {.inputs = {value}, .time_us = 100});
    }
  }
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, constraints);
  const auto result =
      heft()->run({.costs = costs, .constraints = constraints, .evaluator = evaluator}, {});
  const auto device = [&](const std::string& name) {
    return result.best->device[index(workload.graph.find(name).value())];
  };
  EXPECT_NE(device("a0"), device("b0"));
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(device("a" + std::to_string(i)), device("a0"));
    EXPECT_EQ(device("b" + std::to_string(i)), device("b0"));
  }
}

TEST(Heft, DoesNotMoveWorkThatIsShorterThanTheHandOff) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.op("x", {.time_us = 5});
  const TensorRef a = maker.op("a", {.inputs = {x}, .time_us = 5});
  const TensorRef b = maker.op("b", {.inputs = {x}, .time_us = 5});
  maker.op("c", {.inputs = {a, b}, .time_us = 5});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2, 20);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, constraints);
  const auto result =
      heft()->run({.costs = costs, .constraints = constraints, .evaluator = evaluator}, {});
  EXPECT_EQ(num_devices_used(*result.best), 1U);
}

TEST(Heft, StateIsWithItsFirstReader) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  const TensorRef w0 = maker.state("w0", 4);
  const TensorRef w1 = maker.state("w1", 4);
  maker.op("a", {.inputs = {x, w0}, .time_us = 100});
  maker.op("b", {.inputs = {x, w1}, .time_us = 100});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, constraints);
  const auto result =
      heft()->run({.costs = costs, .constraints = constraints, .evaluator = evaluator}, {});
  const auto device = [&](const std::string& name) {
    return result.best->device[index(workload.graph.find(name).value())];
  };
  EXPECT_NE(device("a"), device("b"));
  EXPECT_EQ(device("w0"), device("a"));
  EXPECT_EQ(device("w1"), device("b"));
}

}  // namespace
}  // namespace placer
