#include "simulator/objective.h"

#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "placer/base/random.h"
#include "placer/cost/load_model.h"
#include "placer/evaluate/incremental.h"
#include "tests/simulator/objective_reference.h"
#include "tests/support/random_graph.h"

namespace placer::sim {
namespace {

using test::reference_latency;
using test::reference_max_load;

struct Bench {
  Bench(Workload given, Cluster machine)
      : workload(std::move(given)),
        cluster(std::move(machine)),
        costs(workload, cluster),
        constraints(resolve_constraints(costs, {})) {}

  [[nodiscard]] std::unique_ptr<Evaluator> objective(std::string_view name, int threads = 1) const {
    return make_objective(name, costs, constraints, {.threads = threads, .memory_limit = {}});
  }
  [[nodiscard]] Outcome judge(std::string_view name, const std::vector<std::uint32_t>& on) const {
    Placement placement;
    for (const std::uint32_t d : on) {
      placement.device.push_back(DeviceId{d});
    }
    return objective(name)->evaluate_one(placement);
  }

  Workload workload;
  Cluster cluster;
  CostModel costs;
  Constraints constraints;
};

Device device(std::string name, std::string kind, std::int64_t memory) {
  return {.name = std::move(name),
          .kind = std::move(kind),
          .memory = Bytes{memory},
          .pool = {},
          .cores = {},
          .overhead = {}};
}

// Two accelerators of 10 bytes and a CPU core; transfers as stated, twice that between accelerators.
Cluster two_accelerators() {
  const DeviceId a{0};
  const DeviceId b{1};
  const DeviceId cpu{2};
  const auto link = [](std::vector<std::pair<DeviceId, DeviceId>> pairs, double scale) {
    return Link{.name = "link",
                .pairs = std::move(pairs),
                .latency = {},
                .bytes_per_second = 1e9,
                .shared = false,
                .transfer_scale = scale};
  };
  return {"two",
          {device("acc:0", "acc", 10), device("acc:1", "acc", 10), device("cpu:0", "cpu", 1 << 20)},
          {link({{a, cpu}, {cpu, a}, {b, cpu}, {cpu, b}}, 1), link({{a, b}, {b, a}}, 2)}};
}

// a->b, a->c, b->d, c->d with accelerator times 2, 4, 3, 1 us, ten times that on CPU, transfers of
// 1, 0.5, 0.5 us; 4 bytes each.
Bench diamond() {
  const std::vector<double> times = {2, 4, 3, 1};
  const std::vector<double> transfers = {1, 0.5, 0.5};
  std::vector<Node> nodes(4);
  KindTimes acc{"acc", {}, {}};
  KindTimes cpu{"cpu", {}, {}};
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    nodes[v].name = std::string(1, static_cast<char>('a' + v));
    nodes[v].op = "work";
    nodes[v].resident = Bytes{4};
    if (v < transfers.size()) {
      TensorSpec output;
      output.transfer_us = transfers[v];
      nodes[v].outputs = {output};
    }
    acc.ops.emplace_back(OpTime{.time = from_microseconds(times[v]), .minimum = {}});
    cpu.ops.emplace_back(OpTime{.time = from_microseconds(10 * times[v]), .minimum = {}});
  }
  nodes[1].inputs = {{NodeId{0}, 0}};
  nodes[2].inputs = {{NodeId{0}, 0}};
  nodes[3].inputs = {{NodeId{1}, 0}, {NodeId{2}, 0}};
  Workload workload{build_graph_or_die({}, nodes), {}};
  workload.times.set(acc);
  workload.times.set(cpu);
  return {std::move(workload), two_accelerators()};
}

SimTime us(double value) {
  return from_microseconds(value);
}

std::vector<Link> all_pairs(std::uint32_t devices) {
  Link link{.name = "link",
            .pairs = {},
            .latency = {},
            .bytes_per_second = 1e9,
            .shared = false,
            .transfer_scale = 1};
  for (std::uint32_t a = 0; a < devices; ++a) {
    for (std::uint32_t b = 0; b < devices; ++b) {
      if (a != b) {
        link.pairs.emplace_back(DeviceId{a}, DeviceId{b});
      }
    }
  }
  return {link};
}

TEST(Objective, WorkedExampleMaxLoad) {
  const Bench bench = diamond();
  const Outcome ab_cd = bench.judge("max-load", {0, 0, 1, 1});
  EXPECT_EQ(ab_cd.step_time, us(7.5));
  EXPECT_THAT(ab_cd.busy, ::testing::ElementsAre(us(7.5), us(5.5), us(0)));
  EXPECT_THAT(ab_cd.peak_memory, ::testing::ElementsAre(Bytes{8}, Bytes{8}, Bytes{0}));
  EXPECT_EQ(bench.judge("max-load", {0, 1, 0, 1}).step_time, us(6.5));
  EXPECT_EQ(bench.judge("max-load", {0, 1, 1, 0}).step_time, us(9));
  EXPECT_EQ(bench.judge("max-load", {0, 2, 0, 2}).step_time, us(50));  // both on one core
}

TEST(Objective, WorkedExampleLatency) {
  const Bench bench = diamond();
  EXPECT_EQ(bench.judge("latency", {0, 0, 1, 1}).step_time, us(13));
  EXPECT_EQ(bench.judge("latency", {0, 1, 0, 1}).step_time, us(13));
  EXPECT_EQ(bench.judge("latency", {0, 2, 0, 2}).step_time, us(6.5 + 40 + 10));
  const Outcome cycle = bench.judge("latency", {0, 1, 1, 0});
  ASSERT_FALSE(cycle.feasible());
  EXPECT_THAT(cycle.infeasible->text, ::testing::HasSubstr("cycle"));
}

TEST(Objective, MemoryOverTheLimitIsNamed) {
  const Bench bench = diamond();
  for (const char* name : {"max-load", "latency"}) {
    const Outcome outcome = bench.judge(name, {1, 1, 1, 1});
    ASSERT_FALSE(outcome.feasible());
    EXPECT_EQ(outcome.infeasible->reason, InfeasibleReason::kOutOfMemory);
    EXPECT_EQ(outcome.infeasible->device, DeviceId{1});
    EXPECT_EQ(outcome.infeasible->missing, Bytes{6});
    EXPECT_EQ(outcome.step_time, us(10));
  }
}

TEST(Objective, ContiguousSplitsMayNotReturn) {
  Bench bench = diamond();
  bench.constraints.contiguous = true;
  EXPECT_TRUE(bench.judge("max-load", {0, 0, 1, 1}).feasible());
  EXPECT_TRUE(bench.judge("max-load", {0, 1, 0, 1}).feasible());
  const Outcome outcome = bench.judge("max-load", {0, 1, 1, 0});
  ASSERT_FALSE(outcome.feasible());
  EXPECT_EQ(outcome.infeasible->node, NodeId{3});
  EXPECT_FALSE(bench.judge("max-load", {2, 1, 1, 2}).feasible());  // CPU sets too
  const auto moves = bench.objective("max-load")->incremental(bench.constraints);
  moves->load(std::vector<DeviceId>{DeviceId{0}, DeviceId{0}, DeviceId{1}, DeviceId{1}});
  EXPECT_EQ(moves->value().cost, 7.5e6);
  EXPECT_TRUE(std::isinf(moves->move(3, DeviceId{0}).cost));
  EXPECT_EQ(moves->move(3, DeviceId{1}).cost, 7.5e6);
}

TEST(Objective, PeakMemoryIsTheSimulatedStepsLargest) {
  const Bench bench = diamond();
  const Outcome outcome = bench.judge("peak-memory", {0, 0, 1, 1});
  EXPECT_EQ(outcome.cost(), 8);
  EXPECT_EQ(outcome.step_time, bench.judge("step-time", {0, 0, 1, 1}).step_time);
}

TEST(Objective, SumsAreRelativeToTheBestSingleDevice) {
  const Bench bench = diamond();
  // Everything on one device: 10 us where memory did not count.
  const std::vector<std::uint32_t> split = {0, 1, 0, 1};
  const auto sum = bench.judge("max-load+0.5*latency", split).cost();
  // Only the CPU core has the memory: a max-load of 100 us, a latency of 20 + 40 + 10.
  EXPECT_EQ(sum, std::llround(1e12 * (6.5 / 100 + 0.5 * 13 / 70)));
}

TEST(Objective, OrdersDecideTiesByTheSecond) {
  const Bench bench = diamond();
  const auto cost = [&](const std::vector<std::uint32_t>& on) {
    return bench.judge("latency,max-load", on).cost();
  };
  EXPECT_LT(cost({0, 1, 0, 1}), cost({0, 0, 1, 1}));  // both 13 us; 6.5 and 7.5
  EXPECT_LT(cost({0, 0, 1, 1}), cost({0, 2, 0, 2}));
}

TEST(Objective, UnknownTextIsAUsageError) {
  const Bench bench = diamond();
  for (const char* text : {"", "max-laod", "max-load+", "0*latency", "x*latency",
                           "step-time,max-load,latency", "-1*latency"}) {
    EXPECT_THROW((void)bench.objective(text), Error) << text;
  }
}

// --- Random graphs against the formulas. ---

Bench random_bench(std::uint64_t seed) {
  return {test::random_workload(seed, {.nodes = 40, .kinds = {"cpu-core", "gpu"}}),
          test::random_cluster(seed, {.devices = 2 + seed % 5, .hand_offs = seed % 2 == 0})};
}

TEST(Objective, AgreesWithTheFormulasOnRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Bench bench = random_bench(seed);
    const LoadModel model(bench.costs);
    const Placement placement = test::random_placement(seed, bench.workload, bench.cluster);
    const double load = reference_max_load(model, placement);
    const Outcome max_load = bench.objective("max-load")->evaluate_one(placement);
    EXPECT_NEAR(max_load.step_time.microseconds(), load, 1e-9 * load + 1e-6);
    const auto latency = reference_latency(model, placement);
    const Outcome outcome = bench.objective("latency")->evaluate_one(placement);
    if (latency) {
      EXPECT_NEAR(outcome.step_time.microseconds(), *latency, 1e-9 * *latency + 1e-6);
    } else {
      EXPECT_FALSE(outcome.feasible());
    }
  }
}

// After every move the value is that of a full evaluation, and moving back restores every bit.
TEST(Objective, MovesAreWorthWhatAFullEvaluationSays) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const char* name : {"max-load", "latency", "max-load+0.3*latency", "latency,max-load"}) {
      SCOPED_TRACE(fmt::format("{} seed {}", name, seed));
      const Bench bench = random_bench(seed);
      const auto evaluator = bench.objective(name);
      const auto moves = evaluator->incremental(bench.constraints);
      const Constraints& constraints = bench.constraints;
      Placement placement = test::random_placement(seed, bench.workload, bench.cluster);
      std::vector<DeviceId> choice(constraints.num_units);
      for (std::size_t v = 0; v < placement.device.size(); ++v) {
        choice[constraints.unit_of[v]] = placement.device[v];
      }
      moves->load(choice);
      Rng rng(seed);
      for (int step = 0; step < 40; ++step) {
        const auto unit = static_cast<std::uint32_t>(rng.below(constraints.num_units));
        std::size_t first = 0;
        while (constraints.unit_of[first] != unit) {
          ++first;
        }
        const DeviceId to = id_at<DeviceId>(rng.below(bench.cluster.size()));
        if ((constraints.allowed[first] >> index(to) & 1) == 0) {
          continue;
        }
        const MoveValue before = moves->value();
        const DeviceId from = moves->device(unit);
        const MoveValue after = moves->move(unit, to);
        for (std::size_t v = 0; v < placement.device.size(); ++v) {
          placement.device[v] = constraints.unit_of[v] == unit ? to : placement.device[v];
        }
        const Outcome outcome = evaluator->evaluate_one(placement);
        EXPECT_EQ(
            after.overload_bytes > 0,
            !outcome.feasible() && outcome.infeasible->reason == InfeasibleReason::kOutOfMemory);
        if (std::isfinite(after.cost)) {
          // Parts of a sum are rounded to a picosecond before they are added.
          const double tolerance =
              std::string_view(name).find_first_of("+,") == std::string_view::npos
                  ? 0.5
                  : 2e-9 * after.cost;
          EXPECT_NEAR(after.cost, static_cast<double>(outcome.cost()), tolerance);
        } else {
          EXPECT_FALSE(outcome.feasible());
        }
        const MoveValue back = moves->move(unit, from);
        EXPECT_EQ(back.cost, before.cost);
        EXPECT_EQ(back.guide, before.guide);
        EXPECT_EQ(back.overload_bytes, before.overload_bytes);
        static_cast<void>(moves->move(unit, to));
      }
    }
  }
}

// Nodes on hosts never wait for one another, so that a host with as good times and room for
// everything stands in for others.
TEST(Objective, LatencyLeavesOutSpareHosts) {
  const Bench small = diamond();
  const Cluster cluster("hosts",
                        {device("acc:0", "acc", 100), device("cpu:0", "cpu", 10),
                         device("cpu:1", "cpu", 100), device("cpu:2", "cpu", 100)},
                        all_pairs(4));
  const CostModel costs(small.workload, cluster);
  Constraints constraints = resolve_constraints(costs, {});
  const auto worthwhile = [&](std::string_view name) {
    return make_objective(name, costs, constraints, {})->incremental(constraints)->worthwhile() &
           0b1111U;
  };
  EXPECT_EQ(worthwhile("latency"), 0b0101U);
  EXPECT_EQ(worthwhile("max-load"), 0b1111U);
  constraints.allowed[0] = 0b1011U;  // a not on cpu:1
  EXPECT_EQ(worthwhile("latency"), 0b1001U);
}

TEST(Objective, BatchesOnThreadsGiveTheSameBits) {
  const Bench bench = random_bench(3);
  std::vector<Placement> placements;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    placements.push_back(test::random_placement(seed, bench.workload, bench.cluster));
  }
  for (const char* name : {"max-load", "latency", "peak-memory", "step-time+max-load"}) {
    std::vector<Outcome> one(placements.size());
    std::vector<Outcome> three(placements.size());
    bench.objective(name, 1)->evaluate(placements, one);
    bench.objective(name, 3)->evaluate(placements, three);
    for (std::size_t i = 0; i < placements.size(); ++i) {
      EXPECT_EQ(one[i].cost(), three[i].cost());
      EXPECT_EQ(one[i].busy, three[i].busy);
    }
  }
}

}  // namespace
}  // namespace placer::sim
