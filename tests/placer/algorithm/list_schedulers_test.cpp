#include "placer/algorithm/list_schedulers.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include <gtest/gtest.h>

#include "placer/algorithm/favourite_child.h"
#include "placer/formats/import_dnn_partitioning.h"
#include "placer/formats/import_task_graph.h"
#include "tests/support/naive_schedule.h"
#include "tests/support/owned_problem.h"
#include "tests/support/random_graph.h"

namespace placer {
namespace {

constexpr ScheduleModel kPaper{};  // free links

std::string bundled(const std::string& path) {
  const std::ifstream file(std::string(PLACER_SOURCE_ROOT "/configs/workloads/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// --- Topcuoglu, Hariri, Wu (IEEE TPDS 2002, figures 3, 4 and table 3) ---

struct Run {
  std::string task;
  std::size_t device;  // P1 is 0
  int start;
  int end;
};

void expect_schedule(const test::OwnedProblem& owned, const Schedule& schedule,
                     const std::vector<Run>& expected) {
  const NodeId last = owned.workload.graph.find("T10").value();
  const std::int64_t unit = owned.costs.op_time(last, id_at<DeviceId>(1)).ps / 7;
  for (const Run& run : expected) {
    SCOPED_TRACE(run.task);
    const NodeId id = owned.workload.graph.find(run.task).value();
    EXPECT_EQ(index(schedule.choice[owned.constraints.unit_of[index(id)]]), run.device);
    EXPECT_EQ(schedule.start[index(id)].ps, run.start * unit);
    EXPECT_EQ(schedule.end[index(id)].ps, run.end * unit);
  }
  EXPECT_EQ(schedule.makespan.ps, expected.back().end * unit);
}

class Published : public ::testing::Test {
 protected:
  Published() : imported_(import_task_graph(bundled("task-graph/topcuoglu.json"), "topcuoglu")) {}

  ImportedWorkload imported_;
  test::OwnedProblem owned_{imported_.workload, imported_.cluster, {}};
  Problem problem_ = owned_.problem();
  UnitTable units_{problem_};
};

TEST_F(Published, HeftHasLength80) {
  expect_schedule(owned_, heft_schedule(problem_, units_, kPaper),
                  {{"T1", 2, 0, 9},
                   {"T3", 2, 9, 28},
                   {"T4", 1, 18, 26},
                   {"T2", 0, 27, 40},
                   {"T5", 2, 28, 38},
                   {"T6", 1, 26, 42},
                   {"T9", 1, 56, 68},
                   {"T7", 2, 38, 49},
                   {"T8", 0, 57, 62},
                   {"T10", 1, 73, 80}});
}

TEST_F(Published, CpopHasLength86) {
  expect_schedule(owned_, cpop_schedule(problem_, units_, kPaper),
                  {{"T1", 1, 0, 16},
                   {"T2", 1, 16, 35},
                   {"T3", 0, 28, 39},
                   {"T7", 0, 39, 46},
                   {"T4", 2, 25, 42},
                   {"T5", 1, 35, 48},
                   {"T9", 1, 65, 77},
                   {"T6", 2, 42, 51},
                   {"T8", 2, 54, 68},
                   {"T10", 1, 79, 86}});
}

// --- Against the definitions, carried out naively on small random graphs ---

class ByDefinition : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  // Unrelated times, or equal devices for even seeds.
  ByDefinition()
      : owned_(test::op_graph(GetParam(), {.ops = 14, .kinds = GetParam() % 2 * 2 + 1}),
               test::op_cluster(3, GetParam() % 2 * 2 + 1), {}) {}

  void expect_same(const test::NaiveSchedule& naive, const Schedule& schedule) const {
    EXPECT_EQ(schedule.choice, naive.device);
    EXPECT_EQ(schedule.start, naive.start);
    EXPECT_EQ(schedule.end, naive.end);
  }
  [[nodiscard]] std::vector<NodeId> ready(const test::NaiveSchedule& naive) const {
    std::vector<NodeId> result;
    for (std::size_t v = 0; v < owned_.workload.graph.size(); ++v) {
      if (naive.ready(id_at<NodeId>(v))) {
        result.push_back(id_at<NodeId>(v));
      }
    }
    return result;
  }

  test::OwnedProblem owned_;
  Problem problem_ = owned_.problem();
  UnitTable units_{problem_};
  const CostModel& costs_ = owned_.costs;
};

TEST_P(ByDefinition, Heft) {
  const std::vector<std::int64_t> rank = default_priority(costs_);
  test::NaiveSchedule naive(costs_);
  for (std::vector<NodeId> queue = ready(naive); !queue.empty(); queue = ready(naive)) {
    // An op's rank is above its successors', so the highest ready one is the highest of all.
    const NodeId op = *std::max_element(queue.begin(), queue.end(), [&](NodeId a, NodeId b) {
      return rank[index(a)] < rank[index(b)];
    });
    std::tuple<SimTime, DeviceId> best{kMaxSimTime, {}};
    for (std::size_t d = 0; d < 3; ++d) {
      const auto device = id_at<DeviceId>(d);
      best = std::min(best, {naive.inserted(op, device) + costs_.op_time(op, device), device});
    }
    naive.place(op, std::get<1>(best), naive.inserted(op, std::get<1>(best)));
  }
  expect_same(naive, heft_schedule(problem_, units_, kPaper));
}

TEST_P(ByDefinition, OptimisticCosts) {
  // Equation 3, with the minimum over all devices of the successor.
  const std::vector<SimTime> table = optimistic_costs(costs_, owned_.constraints);
  const Graph& graph = owned_.workload.graph;
  for (std::size_t v = 0; v < graph.size(); ++v) {
    for (std::size_t d = 0; d < 3; ++d) {
      SimTime expected;
      for (const Use& use : graph.uses(id_at<NodeId>(v))) {
        SimTime least = kMaxSimTime;
        for (std::size_t e = 0; e < 3; ++e) {
          const SimTime travel =
              d == e ? SimTime{}
                     : costs_.mean_transfer_time(graph.tensor({id_at<NodeId>(v), use.output}));
          least = std::min(least, table[index(use.consumer) * 3 + e] +
                                      costs_.op_time(use.consumer, id_at<DeviceId>(e)) + travel);
        }
        expected = std::max(expected, least);
      }
      EXPECT_EQ(table[v * 3 + d], expected);
    }
  }
}

TEST_P(ByDefinition, Peft) {
  const std::vector<SimTime> table = optimistic_costs(costs_, owned_.constraints);
  const auto rank = [&](NodeId op) {
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < 3; ++d) {
      sum += table[index(op) * 3 + d].ps;
    }
    return sum / 3;
  };
  test::NaiveSchedule naive(costs_);
  for (std::vector<NodeId> queue = ready(naive); !queue.empty(); queue = ready(naive)) {
    const NodeId op = *std::max_element(queue.begin(), queue.end(),
                                        [&](NodeId a, NodeId b) { return rank(a) < rank(b); });
    std::tuple<SimTime, DeviceId> best{kMaxSimTime, {}};
    for (std::size_t d = 0; d < 3; ++d) {
      const auto device = id_at<DeviceId>(d);
      best = std::min(
          best, {naive.inserted(op, device) + costs_.op_time(op, device) + table[index(op) * 3 + d],
                 device});
    }
    naive.place(op, std::get<1>(best), naive.inserted(op, std::get<1>(best)));
  }
  expect_same(naive, peft_schedule(problem_, units_, kPaper));
}

TEST_P(ByDefinition, MEtf) {
  test::NaiveSchedule naive(costs_);
  for (std::vector<NodeId> queue = ready(naive); !queue.empty(); queue = ready(naive)) {
    std::tuple<SimTime, NodeId, DeviceId> best{kMaxSimTime, {}, {}};
    for (const NodeId op : queue) {
      for (std::size_t d = 0; d < 3; ++d) {
        best = std::min(best, {naive.appended(op, id_at<DeviceId>(d)), op, id_at<DeviceId>(d)});
      }
    }
    naive.place(std::get<1>(best), std::get<2>(best), std::get<0>(best));
  }
  expect_same(naive, m_etf_schedule(problem_, units_, kPaper));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ByDefinition, ::testing::Range<std::uint64_t>(0, 40));

// --- What every schedule keeps, with colocation, state, unsupported ops and controls ---

// Devices that cannot win are passed over: the choice is that of asking them all.
TEST(PartialSchedule, EarliestFinishIsTheFirstOfAllDevices) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Links links = seed % 2 == 0 ? Links::kFree : Links::kReserved;
    test::OwnedProblem owned(test::random_workload(seed, {.nodes = 80, .unsupported = 0.2}),
                             test::random_cluster(seed, {.devices = 2 + seed % 5}), {});
    const Problem problem = owned.problem();
    const UnitTable units(problem);
    PartialSchedule schedule(problem, units, {.links = links});
    for (std::size_t v = 0; v < owned.workload.graph.size(); ++v) {
      const NodeId op = id_at<NodeId>(v);
      if (owned.workload.graph.node(op).kind != NodeKind::kOp) continue;
      std::vector<std::pair<SimTime, DeviceId>> ends;
      for (const DeviceId device : schedule.devices(op)) {
        ends.emplace_back(schedule.earliest_start(op, device) + owned.costs.op_time(op, device),
                          device);
      }
      const DeviceId chosen = schedule.earliest_finish(op);
      if (schedule.has_room(op, chosen)) {
        std::erase_if(ends, [&](const auto& end) { return !schedule.has_room(op, end.second); });
        ASSERT_EQ(chosen, std::ranges::min(ends).second);
      }
      schedule.place(op, chosen);
    }
  }
}

using MakeSchedule = Schedule (*)(const Problem&, const UnitTable&, const ScheduleModel&);

using Named = std::pair<const char*, MakeSchedule>;

class AnySchedule : public ::testing::TestWithParam<Named> {};

TEST_P(AnySchedule, RunsNothingTwiceAtOnceOrBeforeItsInputs) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    test::OwnedProblem owned(test::random_workload(seed, {.nodes = 80, .unsupported = 0.2}),
                             test::random_cluster(seed, {.devices = 2 + seed % 4}), {});
    const Problem problem = owned.problem();
    const UnitTable units(problem);
    const Graph& graph = owned.workload.graph;
    for (const Links links : {Links::kFree, Links::kReserved}) {
      const Schedule schedule = GetParam().second(problem, units, {.links = links});
      const auto device = [&](NodeId id) {
        return schedule.choice[owned.constraints.unit_of[index(id)]];
      };
      std::map<DeviceId, std::vector<std::pair<SimTime, SimTime>>> slots;
      for (std::size_t v = 0; v < graph.size(); ++v) {
        const NodeId id = id_at<NodeId>(v);
        if (graph.node(id).kind != NodeKind::kOp) {
          continue;
        }
        ASSERT_EQ(schedule.end[v] - schedule.start[v], owned.costs.op_time(id, device(id)));
        slots[device(id)].emplace_back(schedule.start[v], schedule.end[v]);
        for (const TensorRef input : graph.node(id).inputs) {
          if (graph.node(input.node).kind == NodeKind::kOp) {
            ASSERT_GE(
                schedule.start[v],
                schedule.end[index(input.node)] +
                    owned.costs.transfer_time(graph.tensor(input), device(input.node), device(id)));
          }
        }
        for (const NodeId before : graph.controls(id)) {
          ASSERT_GE(schedule.start[v], schedule.end[index(before)]);
        }
      }
      for (auto& [where, list] : slots) {
        std::sort(list.begin(), list.end());
        for (std::size_t i = 1; i < list.size(); ++i) {
          ASSERT_GE(list[i].first, list[i - 1].second);
        }
      }
    }
  }
}

// Two producers on one device, two consumers elsewhere: pinned, so that only the links differ.
TEST_P(AnySchedule, ReservedLinksSendOneTensorAtATime) {
  std::vector<Node> nodes(3);
  for (Node& node : nodes) {
    node.name = "n" + std::to_string(&node - nodes.data());
    node.op = "test.op";
    TensorSpec tensor;
    tensor.transfer_us = 10;
    node.outputs = {tensor};
  }
  nodes[2].inputs = {{id_at<NodeId>(0), 0}, {id_at<NodeId>(1), 0}};
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  const OpTime zero{.time = {}, .minimum = {}};
  KindTimes times;
  times.kind = "k0";
  times.ops = {zero, zero, zero};
  workload.times.set(std::move(times));
  test::OwnedProblem owned(std::move(workload), test::op_cluster(2, 1),
                           {.pin = {"n0=d0", "n1=d0", "n2=d1"}});
  const Problem problem = owned.problem();
  const UnitTable units(problem);
  const Schedule free = GetParam().second(problem, units, {.links = Links::kFree});
  const Schedule reserved = GetParam().second(problem, units, {.links = Links::kReserved});
  EXPECT_EQ(free.makespan, from_microseconds(10));
  EXPECT_EQ(reserved.makespan, from_microseconds(20));
}

Schedule sct(const Problem& problem, const UnitTable& units, const ScheduleModel& model) {
  const std::vector<SctEdge> edges = sct_edges(problem.costs, problem.constraints);
  const SctRelaxation relaxation = solve_sct(problem.costs, edges).value();
  return m_sct_schedule(problem, units, model,
                        round_favourites(problem.costs.graph(), edges, relaxation.x));
}

INSTANTIATE_TEST_SUITE_P(All, AnySchedule,
                         ::testing::Values(Named{"heft", heft_schedule},
                                           Named{"cpop", cpop_schedule},
                                           Named{"peft", peft_schedule},
                                           Named{"m_etf", m_etf_schedule}, Named{"m_sct", sct}),
                         [](const ::testing::TestParamInfo<Named>& param) {
                           return param.param.first;
                         });

// --- Baechi (SoCC 2020) ---

// Length of a placement under the scheduler of Baechi's released simulator: a device runs its ops by
// (time ready, index); one channel per device serves sends and receives, each lasting the edge's
// time: a send starts at the end of the op when the sender's channel is free, the receive no earlier
// and when the receiver's is; a tensor goes to a device once.
double baechi_ms(const CostModel& costs, const std::vector<DeviceId>& device,
                 std::size_t num_devices) {
  const Graph& graph = costs.graph();
  std::vector<std::uint32_t> waiting(graph.size());
  std::vector<SimTime> ready(graph.size());
  std::vector<SimTime> channel(num_devices);
  std::vector<SimTime> free(num_devices);
  std::vector<std::set<std::pair<SimTime, NodeId>>> queue(num_devices);
  std::set<std::pair<SimTime, NodeId>> running;  // by end
  std::vector<bool> busy(num_devices, false);
  for (std::size_t v = 0; v < graph.size(); ++v) {
    waiting[v] = static_cast<std::uint32_t>(graph.nodes()[v].inputs.size());
    if (waiting[v] == 0) {
      queue[index(device[v])].emplace(SimTime{}, id_at<NodeId>(v));
    }
  }
  SimTime now;
  for (;;) {
    std::optional<SimTime> next;
    for (std::size_t d = 0; d < num_devices; ++d) {
      if (!busy[d] && !queue[d].empty() && queue[d].begin()->first <= now) {
        const NodeId op = queue[d].begin()->second;
        queue[d].erase(queue[d].begin());
        busy[d] = true;
        running.emplace(now + costs.op_time(op, id_at<DeviceId>(d)), op);
      } else if (!busy[d] && !queue[d].empty()) {
        next = std::min(next.value_or(kMaxSimTime), queue[d].begin()->first);
      }
    }
    if (!running.empty()) {
      next = std::min(next.value_or(kMaxSimTime), running.begin()->first);
    }
    if (!next) {
      return now.seconds() * 1e3;
    }
    now = *next;
    while (!running.empty() && running.begin()->first == now) {
      const NodeId op = running.begin()->second;
      running.erase(running.begin());
      const DeviceId from = device[index(op)];
      busy[index(from)] = false;
      std::map<DeviceId, SimTime> arrived{{from, now}};
      for (const Use& use : graph.uses(op)) {
        const DeviceId to = device[index(use.consumer)];
        if (!arrived.contains(to)) {
          const SimTime time = costs.occupancy(graph.tensor({op, use.output}), from, to);
          const SimTime send = std::max(now, channel[index(from)]);
          channel[index(from)] = send + time;
          const SimTime receive = std::max(send, channel[index(to)]);
          channel[index(to)] = receive + time;
          arrived[to] = receive + time;
        }
        SimTime& when = ready[index(use.consumer)];
        when = std::max(when, arrived[to]);
        if (--waiting[index(use.consumer)] == 0) {
          queue[index(to)].emplace(when, use.consumer);
        }
      }
    }
  }
}

// The accelerators alone, transfers at the edge's time.
Cluster accelerators(const Cluster& imported) {
  std::vector<Device> devices;
  for (const Device& device : imported.devices()) {
    if (device.kind == "acc") {
      devices.push_back(device);
    }
  }
  Link link;
  link.name = "link";
  link.bytes_per_second = 1e9;
  for (std::size_t a = 0; a < devices.size(); ++a) {
    for (std::size_t b = 0; b < devices.size(); ++b) {
      if (a != b) {
        link.pairs.emplace_back(id_at<DeviceId>(a), id_at<DeviceId>(b));
      }
    }
  }
  return {"accelerators", std::move(devices), {link}};
}

TEST(Baechi, ReproducesItsFiguresOnBert) {
  const ImportedWorkload imported = import_dnn_partitioning(
      bundled("dnn-partitioning/latency/layer_bert24_inference.json"), "bert24");
  test::OwnedProblem owned(imported.workload, accelerators(imported.cluster), {});
  const Problem problem = owned.problem();
  const UnitTable units(problem);
  const std::size_t num_devices = owned.cluster.size();
  ASSERT_EQ(num_devices, 5U);
  const auto milliseconds = [&](const std::vector<DeviceId>& choice) {
    return baechi_ms(owned.costs, units.placement(choice).device, num_devices);
  };
  EXPECT_NEAR(milliseconds(std::vector(units.size(), id_at<DeviceId>(0))), 92.41, 0.005);
  EXPECT_NEAR(milliseconds(m_topo_choice(problem, units)), 154.53, 0.005);
  EXPECT_NEAR(milliseconds(m_etf_schedule(problem, units, kPaper).choice), 96.31, 0.005);
}

TEST(MTopo, FillsOneDeviceAfterTheOther) {
  // Memory 4, 4, 4, 4, 4: cap = floor(20 / 2) + 4 = 14, so three go to the first device.
  std::vector<Node> nodes(5);
  KindTimes times;
  times.kind = "k0";
  for (Node& node : nodes) {
    node.name = "n" + std::to_string(&node - nodes.data());
    node.op = "test.op";
    node.resident = Bytes{4};
    times.ops.emplace_back(OpTime{.time = from_microseconds(1), .minimum = from_microseconds(1)});
  }
  Workload workload{build_graph_or_die({}, std::move(nodes)), {}};
  workload.times.set(std::move(times));
  test::OwnedProblem owned(std::move(workload), test::op_cluster(2, 1), {});
  const Problem problem = owned.problem();
  const auto choice = m_topo_choice(problem, UnitTable(problem));
  const auto d = [](std::size_t i) { return id_at<DeviceId>(i); };
  EXPECT_EQ(choice, (std::vector{d(0), d(0), d(0), d(1), d(1)}));
}

}  // namespace
}  // namespace placer
