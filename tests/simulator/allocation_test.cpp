// The event loop lives on memory that it took once: nothing is allocated after a first evaluation.

#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "simulator/simulator.h"
#include "tests/support/random_graph.h"

namespace {

std::atomic<std::size_t> allocations = 0;

}  // namespace

// Not inlined, so that the compiler does not pair `new` with `free`.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace placer::sim {
namespace {

std::size_t allocations_of(Simulator& simulator, const std::vector<Placement>& placements,
                           std::vector<Outcome>& results) {
  const std::size_t before = allocations;
  simulator.evaluate(placements, results);
  return allocations - before;
}

TEST(Allocation, CountsAllocations) {
  const std::size_t before = allocations;
  const std::vector<int> something(100);
  EXPECT_EQ(allocations, before + 1);
}

// Every order with every other switch, with hand-offs and with copies.
TEST(Allocation, OneEvaluationWarmsUpForAllPlacements) {
  const Workload workload = placer::test::random_workload(3, {.nodes = 200});
  std::vector<Model> models = {{}};
  for (const char* name : {"ideal", "placeto", "baechi"}) models.push_back(*model_named(name));
  models.emplace_back().overlap = false;
  models.emplace_back().launch = Launch::kAsynchronous;
  models.emplace_back().sending = Sending::kPerReader;
  for (std::size_t i = models.size(); i-- > 0;) {
    models.push_back(models[i]);
    models.back().order = Order::kFixed;
  }
  for (const bool hand_offs : {false, true}) {
    const Cluster cluster = placer::test::random_cluster(4, {.devices = 4, .hand_offs = hand_offs});
    const CostModel costs(workload, cluster);
    std::vector<Placement> placements = {all_on(workload.graph, DeviceId{0})};
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      placements.push_back(placer::test::random_placement(seed, workload, cluster, seed % 2 == 0));
    }
    for (const Model& model : models) {
      SCOPED_TRACE(describe(model));
      const auto simulator = make_simulator(costs, {.model = model});
      std::vector<Outcome> results(placements.size());
      for (Outcome& result : results) {
        result.busy.reserve(cluster.size());
        result.peak_memory.reserve(cluster.size());
      }
      // The thread pool's std::function may allocate once per batch, whatever its size.
      EXPECT_LE(allocations_of(*simulator, placements, results), 1U);
      EXPECT_LE(allocations_of(*simulator, placements, results), 1U);
    }
  }
}

TEST(Allocation, InfeasibleOutcomesAreUsedAgainToo) {
  const Workload workload = placer::test::random_workload(3, {.nodes = 200});
  const Cluster cluster = placer::test::random_cluster(4, {.devices = 4, .hand_offs = false});
  const CostModel costs(workload, cluster);
  const auto simulator =
      make_simulator(costs, {.memory_limit = std::vector<Bytes>(4, Bytes{1 << 16})});
  std::vector<Placement> placements;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    placements.push_back(placer::test::random_placement(seed, workload, cluster));
  }
  std::vector<Outcome> results(placements.size());
  static_cast<void>(allocations_of(*simulator, placements, results));
  EXPECT_FALSE(results[0].feasible());
  // Texts of sizes such as "1.37 KiB" are short strings, which own no memory.
  EXPECT_LE(allocations_of(*simulator, placements, results), 1U);
}

}  // namespace
}  // namespace placer::sim
