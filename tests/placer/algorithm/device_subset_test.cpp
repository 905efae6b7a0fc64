#include "placer/algorithm/device_subset.h"

#include <bit>

#include <gmock/gmock.h>

#include "placer/base/error.h"
#include "tests/support/fake_evaluator.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

std::uint64_t devices_left(const Constraints& constraints) {
  std::uint64_t mask = 0;
  for (const std::uint64_t allowed : constraints.allowed) {
    mask |= allowed;
  }
  return mask;
}

class DeviceSubset : public testing::Test {
 protected:
  Constraints at_most(std::size_t most, const ConstraintOptions& options = {}) {
    const Constraints constraints = resolve_constraints(costs_, options);
    test::LoadEvaluator evaluator(costs_, constraints);
    evaluator.before = [this] { ++evaluations_; };
    return with_at_most({.costs = costs_, .constraints = constraints, .evaluator = evaluator},
                        most);
  }

  Workload workload_ = test::training_chain(4);
  Cluster cluster_ = test::cpu_cores(4);
  CostModel costs_{workload_, cluster_};
  int evaluations_ = 0;
};

TEST_F(DeviceSubset, NoLimitChangesNothing) {
  for (const std::size_t most : {0U, 4U, 5U}) {
    EXPECT_EQ(devices_left(at_most(most)), 0b1111U) << most;
  }
  EXPECT_EQ(evaluations_, 0);
}

TEST_F(DeviceSubset, EqualDevicesStandForOneAnotherAndTheFirstAreTaken) {
  EXPECT_THAT(at_most(2).allowed, Each(0b0011U));
  EXPECT_EQ(evaluations_, 0);  // one set only: nothing to judge
}

TEST_F(DeviceSubset, PinnedDevicesAreInTheSet) {
  const Constraints constraints = at_most(2, {.pin = {"layer0=cpu:3"}});
  EXPECT_EQ(devices_left(constraints), 0b1001U);
}

TEST_F(DeviceSubset, ContradictionsNameTheNodes) {
  try {
    (void)at_most(1, {.pin = {"layer0=cpu:0", "layer3=cpu:1"}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("--max-devices 1"), HasSubstr("layer0"),
                                    HasSubstr("layer3"), HasSubstr("share a device")));
  }
}

// One device: the heuristics can do nothing but use it, so no other may do better.
TEST(DeviceSubsetOfKinds, TheBestSingleDeviceIsTaken) {
  const Workload workload = test::random_workload(5, {.nodes = 30});
  const Cluster cluster = test::random_cluster(5, {.devices = 4});
  const CostModel costs(workload, cluster);
  const Constraints all = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, all);
  const Problem problem{.costs = costs, .constraints = all, .evaluator = evaluator};
  const Constraints one = with_at_most(problem, 1);
  const auto chosen =
      id_at<DeviceId>(static_cast<std::size_t>(std::countr_zero(devices_left(one))));
  ASSERT_EQ(std::popcount(devices_left(one)), 1);
  const Outcome best = evaluator.evaluate_one(all_on(workload.graph, chosen));
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const Outcome other = evaluator.evaluate_one(all_on(workload.graph, id_at<DeviceId>(d)));
    EXPECT_FALSE(better(other, best)) << d;
  }
}

// 12 devices of different memory are 12 classes, 792 sets of 5: more than are tried.
TEST(DeviceSubsetOfKinds, ManyDifferentDevicesAreGivenUpOneByOne) {
  const Workload workload = test::training_chain(2);
  std::vector<Device> devices;
  Link link{.name = "memory",
            .pairs = {},
            .latency = from_microseconds(5),
            .bytes_per_second = std::nullopt,
            .shared = false};
  constexpr std::size_t kDevices = 12;
  for (std::size_t d = 0; d < kDevices; ++d) {
    devices.push_back({.name = "cpu:" + std::to_string(d),
                       .kind = "cpu-core",
                       .memory = Bytes{(std::int64_t{1} << 30) + static_cast<std::int64_t>(d)},
                       .pool = {},
                       .cores = {},
                       .overhead = from_microseconds(d == 7 ? 0.0 : 50.0)});
    for (std::size_t e = 0; e < d; ++e) {
      link.pairs.emplace_back(id_at<DeviceId>(d), id_at<DeviceId>(e));
      link.pairs.emplace_back(id_at<DeviceId>(e), id_at<DeviceId>(d));
    }
  }
  const Cluster cluster("odd", std::move(devices), {link});
  const CostModel costs(workload, cluster);
  const Constraints all = resolve_constraints(costs, {});
  test::LoadEvaluator evaluator(costs, all);
  const Constraints left =
      with_at_most({.costs = costs, .constraints = all, .evaluator = evaluator}, 5);
  EXPECT_EQ(std::popcount(devices_left(left)), 5);
  EXPECT_NE(devices_left(left) >> 7 & 1, 0U);  // the one without overhead stays
}

}  // namespace
}  // namespace placer
