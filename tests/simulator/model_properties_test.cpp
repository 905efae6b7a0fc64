// What must hold whatever is switched off; seeds are printed on failure.

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/simulator/random_case.h"
#include "tests/simulator/reference_simulator.h"
#include "tests/support/random_graph.h"

namespace placer::sim {
namespace {

using test::Case;
using test::random_model;

class EveryModel : public testing::TestWithParam<int> {
 protected:
  // Forty cases a parameter, most of them small, where ties and corner cases are dense.
  template <typename Check>
  static void for_each_case(Check check) {
    for (std::uint64_t i = 0; i < 40; ++i) {
      const std::uint64_t seed = static_cast<std::uint64_t>(GetParam()) * 40 + i;
      const Model model = random_model(seed * 17 + 3);
      SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << describe(model));
      const Case c(seed, seed % 4 == 0 ? 60 : 14, true);
      check(c, model, make_simulator(c.costs, {.model = model})->timeline(c.placement));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, EveryModel, testing::Range(0, 25));

TEST_P(EveryModel, AgreesWithTheReference) {
  for_each_case([](const Case& c, const Model& model, const Timeline& actual) {
    const test::ReferenceStep expected = test::reference_step(c.costs, c.placement, model);
    ASSERT_EQ(actual.step_time, expected.step_time);
    ASSERT_EQ(actual.ops, expected.ops);
    ASSERT_TRUE(std::ranges::is_permutation(actual.transfers, expected.transfers));
    ASSERT_EQ(actual.outcome.peak_memory, expected.peak_memory);
    ASSERT_EQ(actual.pool_peak, expected.pool_peak);
    const Outcome outcome = make_simulator(c.costs, {.model = model})->evaluate_one(c.placement);
    ASSERT_EQ(outcome.step_time, expected.step_time);
    ASSERT_EQ(outcome.peak_memory, expected.peak_memory);
  });
}

TEST_P(EveryModel, ADeviceRunsOneOpAtATimeAndPausesAfterIt) {
  for_each_case([](const Case& c, const Model& model, const Timeline& step) {
    std::map<DeviceId, SimTime> free;
    for (const OpRecord& op : step.ops) {
      ASSERT_GE(op.start, free[op.device]);
      free[op.device] = op.end > op.start ? op.end + model.idle_after_op : op.end;
    }
    ASSERT_EQ(std::ranges::count(c.workload.graph.nodes(), NodeKind::kOp, &Node::kind),
              static_cast<std::ptrdiff_t>(step.ops.size()));
  });
}

TEST_P(EveryModel, NoOpStartsBeforeItsInputs) {
  for_each_case([](const Case& c, const Model& model, const Timeline& step) {
    const Graph& graph = c.workload.graph;
    // The latest arrival: with a copy per reader, some reader's own.
    std::map<std::tuple<NodeId, std::uint32_t, DeviceId>, std::vector<SimTime>> arrivals;
    for (const TransferRecord& transfer : step.transfers) {
      arrivals[{transfer.tensor.node, transfer.tensor.output, transfer.to}].push_back(
          transfer.arrival);
    }
    std::map<NodeId, SimTime> end;
    for (const OpRecord& op : step.ops) end[op.node] = op.end;
    for (const OpRecord& op : step.ops) {
      for (const TensorRef input : graph.node(op.node).inputs) {
        ASSERT_GE(op.start, end[input.node]);
        const auto sent = arrivals.find({input.node, input.output, op.device});
        if (sent == arrivals.end()) continue;
        ASSERT_GE(op.start, std::ranges::min(sent->second));
        if (model.sending != Sending::kPerReader) {
          ASSERT_EQ(sent->second.size(), 1U) << "sent twice";
        }
      }
      for (const NodeId before : graph.controls(op.node)) ASSERT_GE(op.start, end[before]);
    }
  });
}

// What a copy holds is its own while it takes it, and some time longer where links pause.
TEST_P(EveryModel, LinksAreNeverBookedTwice) {
  for_each_case([](const Case& c, const Model& model, const Timeline& step) {
    if (model.contention == Contention::kChannel) return;  // its ends are held one after the other
    std::map<std::pair<char, std::size_t>, SimTime> free;
    std::set<std::tuple<NodeId, std::uint32_t>> seen;
    for (const TransferRecord& transfer : step.transfers) {
      const LinkId id = c.cluster.link_between(transfer.from, transfer.to);
      if (!c.cluster.link(id).bytes_per_second) continue;
      const bool first = seen.emplace(transfer.tensor.node, transfer.tensor.output).second;
      if (model.sending == Sending::kOnce && !first) continue;  // travels with the first
      std::vector<std::pair<char, std::size_t>> ports;
      if (model.contention != Contention::kNone) ports.emplace_back('e', index(transfer.from));
      if (model.contention == Contention::kBothEnds) ports.emplace_back('i', index(transfer.to));
      if (model.shared_buses && c.cluster.link(id).shared) ports.emplace_back('b', index(id));
      for (const auto& port : ports) {
        ASSERT_GE(transfer.start, free[port]);
        free[port] = transfer.released + model.idle_after_copy;
      }
    }
  });
}

// Where copies do not overlap with ops, no op runs on either end while one moves.
TEST_P(EveryModel, CopiesThatHoldDevicesKeepOpsAway) {
  for_each_case([](const Case& c, const Model& model, const Timeline& step) {
    if (model.overlap || model.contention == Contention::kChannel) return;
    for (const TransferRecord& copy : step.transfers) {
      const LinkId id = c.cluster.link_between(copy.from, copy.to);
      if (!c.cluster.link(id).bytes_per_second) continue;
      for (const OpRecord& op : step.ops) {
        if (op.device != copy.from && op.device != copy.to) continue;
        const bool apart = op.end <= copy.start || copy.released <= op.start;
        ASSERT_TRUE(apart || op.start == op.end || copy.start == copy.released);
      }
    }
  });
}

// The pieces of the path follow one another from 0 to the last end.
TEST_P(EveryModel, ThePathTilesTheStep) {
  for_each_case([](const Case&, const Model&, const Timeline& step) {
    SimTime at;
    for (const PathSegment& segment : step.path) {
      ASSERT_EQ(segment.start, at);
      at = segment.end;
    }
    SimTime last;
    for (const OpRecord& op : step.ops) last = std::max(last, op.end);
    ASSERT_GE(at, last);
    ASSERT_LE(at, step.step_time);
  });
}

TEST_P(EveryModel, TheMemoryCurveReachesThePeak) {
  for_each_case([](const Case& c, const Model& model, const Timeline& step) {
    std::vector<Bytes> top(c.cluster.size());
    for (const MemoryPoint& point : step.memory) {
      ASSERT_GE(point.bytes, Bytes{});
      top[index(point.device)] = std::max(top[index(point.device)], point.bytes);
    }
    if (model.memory) {
      ASSERT_EQ(top, step.outcome.peak_memory);
    } else {
      ASSERT_TRUE(step.memory.empty());
      ASSERT_TRUE(step.outcome.feasible());
    }
  });
}

// A batch over any number of threads = one by one, in every model.
TEST(ModelBatch, GivesTheSameBitsForAnyThreads) {
  const Case c(9, 60);
  std::vector<Placement> placements;
  for (std::uint64_t seed = 0; seed < 31; ++seed) {
    placements.push_back(
        placer::test::random_placement(seed, c.workload, c.cluster, seed % 3 == 0));
  }
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Model model = random_model(seed);
    SCOPED_TRACE(describe(model));
    const auto alone = make_simulator(c.costs, {.model = model});
    const auto simulator = make_simulator(c.costs, {.threads = 3, .model = model});
    std::vector<Outcome> results(placements.size());
    simulator->evaluate(placements, results);
    for (std::size_t i = 0; i < placements.size(); ++i) {
      const Outcome expected = alone->evaluate_one(placements[i]);
      ASSERT_EQ(results[i].step_time, expected.step_time);
      ASSERT_EQ(results[i].peak_memory, expected.peak_memory);
      ASSERT_EQ(results[i].busy, expected.busy);
    }
  }
}

// In one fixed order over links that nobody shares, nothing that gets faster makes the step longer.
TEST(FixedOrder, HasNoSchedulingAnomalies) {
  Model model = *model_named("ideal");
  model.order = Order::kFixed;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Case c(seed, 40);
    Placement placement = c.placement;
    placement.priority = default_priority(c.costs);
    const SimTime before =
        make_simulator(c.costs, {.model = model})->evaluate_one(placement).step_time;
    Workload faster = c.workload;
    for (KindTimes times : c.workload.times.kinds()) {
      for (std::size_t n = seed % 3; n < times.ops.size(); n += 3) {
        if (times.ops[n]) times.ops[n] = OpTime{.time = {}, .minimum = {}};
      }
      faster.times.set(std::move(times));
    }
    const CostModel costs(faster, c.cluster);
    EXPECT_LE(make_simulator(costs, {.model = model})->evaluate_one(placement).step_time, before);
  }
}

}  // namespace
}  // namespace placer::sim
