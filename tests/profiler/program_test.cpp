#include "profiler/torch/program.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "profiler/torch/doorbell.h"
#include "profiler/torch/memory_account.h"
#include "tests/profiler/executable_graph.h"

namespace placer::profile {
namespace {

using placer::testing::alias_of;
using placer::testing::core_cluster;
using placer::testing::ExecutableGraph;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::uint32_t> list(const Lists& lists, std::size_t i) {
  const auto items = lists.of(i);
  return {items.begin(), items.end()};
}

// x (0) -> a (1) -> view of a (2) -> b (3) -> output (4); c (5) reads x and nobody reads c.
Graph with_a_view() {
  ExecutableGraph made;
  const TensorRef x = made.state("x", {2, 2});
  const TensorRef a = made.unary("a", "aten.neg.default", x, {2, 2});
  const TensorRef view =
      made.op("view", "aten.t.default", {a}, {{"self", InputArgument{0}}}, alias_of(0, {2, 2}));
  made.output("y", made.unary("b", "aten.neg.default", view, {2, 2}));
  made.unary("c", "aten.neg.default", x, {2, 2});
  return made.build();
}

TEST(Program, CountsDependenciesReadersAndSharedStorage) {
  const Graph graph = with_a_view();
  const Program program = make_program(graph);
  EXPECT_THAT(program.ops, ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(program.sources, ElementsAre(0));
  EXPECT_THAT(program.dependencies, ElementsAre(0, 0, 1, 1, 0, 0));
  EXPECT_THAT(list(program.successors, 1), ElementsAre(2));
  EXPECT_THAT(list(program.successors, 0), IsEmpty());  // a source is there from the start
  // Tensors: x 0, a 1, view 2, b 3, c 4.
  EXPECT_THAT(program.storage, ElementsAre(0, 1, 1, 3, 4));
  EXPECT_THAT(program.handles, ElementsAre(0, 2, 0, 1, 1));  // a's memory is held by a and its view
  EXPECT_THAT(program.bytes, ElementsAre(0, 16, 0, 16, 16));
  EXPECT_THAT(list(program.releases, 2), ElementsAre(1));  // the view's op is a's last reader
  EXPECT_THAT(list(program.releases, 3), ElementsAre(2));
  EXPECT_THAT(list(program.releases, 5), ElementsAre(4));  // c goes with its producer
  EXPECT_THAT(program.readers,
              ElementsAre(0, 1, 1, 1, 1));  // b: kept by the output, released by no op
  EXPECT_THAT(program.allocates, ElementsAre(0, 16, 0, 16, 0, 16));
}

TEST(Program, OutputsPassDependenciesOn) {
  ExecutableGraph made;
  const TensorRef a = made.unary("a", "aten.neg.default", made.state("x", {1}), {1});
  const NodeId kept = made.output("y", a);
  made.unary("b", "aten.neg.default", {NodeId{0}, 0}, {1});
  made.last().after = {kept};
  const Graph graph = made.build();
  const Program program = make_program(graph);
  const auto b = index(*graph.find("b"));
  EXPECT_EQ(program.dependencies[b], 1U);
  EXPECT_THAT(list(program.successors, index(*graph.find("a"))), ElementsAre(b));
}

TEST(Lower, OrdersByPriorityThenIndexAndFindsWhatIsReady) {
  const Graph graph = with_a_view();
  const Program program = make_program(graph);
  const Cluster cluster = core_cluster(2);
  Placement placement = all_on(graph, DeviceId{0});
  placement.device[3] = DeviceId{1};
  placement.priority = {0, 1, 1, 1, 0, 9};
  const Lowered lowered = lower(graph, cluster, program, placement, {});
  EXPECT_THAT(lowered.order[0], ElementsAre(5, 1, 2));
  EXPECT_THAT(lowered.order[1], ElementsAre(3));
  EXPECT_THAT(lowered.ready[0], ElementsAre(0, 1));
  EXPECT_THAT(lowered.ready[1], IsEmpty());
  EXPECT_EQ(lowered.rank[2], 2U);
  EXPECT_THAT(lowered.resident, ElementsAre(Bytes{16}, Bytes{0}));
}

TEST(MemoryAccount, PoolIsSharedByItsDevices) {
  std::vector<Device> devices(2);
  devices[0] = {"cpu:0", "cpu-core", Bytes{100}, 0, {}, {}};
  devices[1] = {"cpu:1", "cpu-core", Bytes{100}, 0, {}, {}};
  Link link{"hand-off",
            {{DeviceId{0}, DeviceId{1}}, {DeviceId{1}, DeviceId{0}}},
            {},
            std::nullopt,
            false};
  const Cluster cluster("pool", devices, {link}, {{"ram", Bytes{150}}});
  MemoryAccount account(cluster, {});
  const std::vector<Bytes> resident = {{40}, {10}};
  EXPECT_FALSE(account.start(resident));
  EXPECT_EQ(account.charge(0, 60), 0);   // 100 of 100, the pool 110 of 150
  EXPECT_EQ(account.charge(1, 50), 10);  // 60 of 100, the pool 160 of 150
  account.release(0, 60);
  EXPECT_EQ(account.charge(0, 70), 20);  // the device 110 of 100 (the pool 170 of 150 is worse)
  EXPECT_THAT(account.peaks(), ElementsAre(Bytes{110}, Bytes{60}));
  const std::vector<Bytes> too_much = {{40}, {130}};
  const auto shortage = account.start(too_much);
  ASSERT_TRUE(shortage);
  EXPECT_EQ(shortage->device, 1U);
  EXPECT_EQ(shortage->missing, Bytes{30});
  EXPECT_EQ(account.peaks()[0], Bytes{40});  // a start forgets the step before
}

// Two threads pass a number to and fro; a lost wake-up would hang.
TEST(Doorbell, NoRingIsLost) {
  for (const std::chrono::microseconds spin :
       {std::chrono::microseconds(0), std::chrono::microseconds(20)}) {
    constexpr int kRounds = 20'000;
    Doorbell bells[2];
    std::atomic<int> turn{0};
    bells[0].set_spin(spin);
    bells[1].set_spin(spin);
    const auto play = [&](int parity) {
      for (int round = parity; round < kRounds; round += 2) {
        bells[parity].wait([&] { return turn.load() == round; });
        turn.store(round + 1);
        bells[1 - parity].ring();
      }
    };
    std::thread other(play, 1);
    play(0);
    other.join();
    EXPECT_EQ(turn.load(), kRounds);
  }
}

}  // namespace
}  // namespace placer::profile
