#include "placer/placement/constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "placer/base/error.h"
#include "tests/support/random_graph.h"
#include "tests/support/workload_maker.h"

namespace placer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string usage_text(const CostModel& costs, const ConstraintOptions& options) {
  try {
    (void)resolve_constraints(costs, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "no error";
}

class ConstraintsTest : public ::testing::Test {
 protected:
  ConstraintsTest() : workload_(test::training_chain(3)), cluster_(test::cpu_cores(3)) {}

  Constraints resolve(const ConstraintOptions& options) {
    return resolve_constraints(costs_, options);
  }
  [[nodiscard]] std::size_t node(const std::string& name) const {
    return index(workload_.graph.find(name).value());
  }

  Workload workload_;
  Cluster cluster_;
  CostModel costs_{workload_, cluster_};
};

TEST_F(ConstraintsTest, WithoutOptionsEverythingMayBeEverywhere) {
  const Constraints constraints = resolve({});
  EXPECT_EQ(constraints.num_units, workload_.graph.num_colocation_classes());
  for (const std::uint64_t mask : constraints.allowed) {
    EXPECT_EQ(mask, 0b111U);
  }
  EXPECT_THAT(constraints.memory_limit,
              ElementsAre(Bytes{std::int64_t{8} << 30}, Bytes{std::int64_t{8} << 30},
                          Bytes{std::int64_t{8} << 30}));
}

TEST_F(ConstraintsTest, ModulePathCoversTheModulesInsideIt) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  const TensorRef a = maker.op("a", {.inputs = {x}, .module = "encoder.layer1.conv"});
  const TensorRef b = maker.op("b", {.inputs = {a}, .module = "encoder.layer10.conv"});
  maker.op("c", {.inputs = {b}, .module = "encoder"});
  const Workload workload = maker.finish();
  const auto names = [&](const std::string& glob) {
    std::vector<std::string> result;
    for (const NodeId id : select_nodes(workload.graph, glob)) {
      result.push_back(workload.graph.node(id).name);
    }
    return result;
  };
  EXPECT_THAT(names("encoder.layer1"), ElementsAre("a"));
  EXPECT_THAT(names("encoder.layer1*"), ElementsAre("a", "b"));
  EXPECT_THAT(names("encoder"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(names("x"), ElementsAre("x"));
  EXPECT_THAT(names("layer1"), ElementsAre());
}

TEST_F(ConstraintsTest, PinReachesAllThatSharesADeviceWithTheNode) {
  // The update writes the weight in place, so that both are one unit.
  const Constraints constraints = resolve({.pin = {"layer1/update=cpu:2"}});
  EXPECT_EQ(constraints.allowed[node("layer1.weight")], 0b100U);
  EXPECT_EQ(constraints.allowed[node("layer1/forward")], 0b111U);
}

TEST_F(ConstraintsTest, PinAndForbidTakeListsAndGlobsOfDevices) {
  EXPECT_EQ(resolve({.pin = {"layer1/dx=cpu:0,cpu:2"}}).allowed[node("layer1/dx")], 0b101U);
  EXPECT_EQ(resolve({.forbid = {"layer1/dx=cpu:1"}}).allowed[node("layer1/dx")], 0b101U);
  EXPECT_EQ(resolve({.pin = {"layer1/dx=cpu:*"}}).allowed[node("layer1/dx")], 0b111U);
  const Constraints both =
      resolve({.pin = {"layer1/dx=cpu:0,cpu:2", "layer*=cpu:1,cpu:2"}, .forbid = {}});
  EXPECT_EQ(both.allowed[node("layer1/dx")], 0b100U);
}

TEST_F(ConstraintsTest, ColocateMakesOneUnit) {
  const Constraints constraints = resolve({.colocate = {"layer1"}});
  const std::uint32_t unit = constraints.unit_of[node("layer1.weight")];
  for (const char* name : {"layer1/forward", "layer1/dx", "layer1/dw", "layer1/update"}) {
    EXPECT_EQ(constraints.unit_of[node(name)], unit) << name;
  }
  EXPECT_NE(constraints.unit_of[node("layer0/forward")], unit);
}

TEST_F(ConstraintsTest, MaxMemoryLowersTheLimitOnly) {
  const Constraints constraints = resolve({.max_memory = {"cpu:1=1GiB", "cpu:2=100GiB"}});
  EXPECT_THAT(constraints.memory_limit,
              ElementsAre(Bytes{std::int64_t{8} << 30}, Bytes{std::int64_t{1} << 30},
                          Bytes{std::int64_t{8} << 30}));
}

TEST_F(ConstraintsTest, ReserveKeepsMemoryFreeOfWhatTheClusterGives) {
  const Constraints constraints =
      resolve({.max_memory = {"cpu:1=1GiB"}, .reserve = {"cpu:0=2GiB", "cpu:1=2GiB"}});
  EXPECT_THAT(constraints.memory_limit,
              ElementsAre(Bytes{std::int64_t{6} << 30}, Bytes{std::int64_t{1} << 30},
                          Bytes{std::int64_t{8} << 30}));
  EXPECT_THAT(usage_text(costs_, {.reserve = {"cpu:*=9GiB"}}),
              AllOf(HasSubstr("--reserve \"cpu:*=9GiB\""), HasSubstr("cpu:0 has only 8.00 GiB")));
}

// Each layer is a unit of its own, unlike with `colocate`.
TEST_F(ConstraintsTest, KeepTogetherMakesAUnitOfEachModuleThatMatches) {
  const Constraints constraints = resolve({.keep_together = {"layer?"}});
  for (const char* layer : {"layer0", "layer1", "layer2"}) {
    const std::string name(layer);
    EXPECT_EQ(constraints.unit_of[node(name + "/forward")],
              constraints.unit_of[node(name + ".weight")]);
    EXPECT_EQ(constraints.unit_of[node(name + "/forward")],
              constraints.unit_of[node(name + "/update")]);
  }
  EXPECT_NE(constraints.unit_of[node("layer0/forward")],
            constraints.unit_of[node("layer1/forward")]);
  EXPECT_THAT(usage_text(costs_, {.keep_together = {"block*"}}), HasSubstr("matches no module"));
}

TEST(Constraints, KeepTogetherTakesTheOutermostModuleThatMatches) {
  test::WorkloadMaker maker;
  const TensorRef x = maker.input("x", 4);
  maker.op("a", {.inputs = {x}, .module = "net.layer1.conv"});
  maker.op("b", {.inputs = {x}, .module = "net.layer1"});
  maker.op("c", {.inputs = {x}, .module = "net.layer10"});
  maker.op("d", {.inputs = {x}, .module = "net"});
  const Workload workload = maker.finish();
  const Cluster cluster = test::cpu_cores(2);
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {.keep_together = {"net.*"}});
  const auto unit = [&](const char* name) {
    return constraints.unit_of[index(workload.graph.find(name).value())];
  };
  EXPECT_EQ(unit("a"), unit("b"));
  EXPECT_NE(unit("a"), unit("c"));
  EXPECT_NE(unit("a"), unit("d"));
}

TEST_F(ConstraintsTest, GlobThatMatchesNothingIsAnErrorWithASuggestion) {
  EXPECT_THAT(usage_text(costs_, {.pin = {"layer1/forwrad=cpu:0"}}),
              AllOf(HasSubstr("--pin \"layer1/forwrad\""), HasSubstr("matches no node"),
                    HasSubstr("did you mean \"layer1/forward\"?")));
  EXPECT_THAT(usage_text(costs_, {.colocate = {"decoder"}}), HasSubstr("--colocate \"decoder\""));
  EXPECT_THAT(usage_text(costs_, {.forbid = {"decoder=cpu:0"}}), HasSubstr("--forbid"));
}

TEST_F(ConstraintsTest, MalformedRulesSayWhatIsExpected) {
  EXPECT_THAT(usage_text(costs_, {.pin = {"layer1"}}), HasSubstr("expected GLOB=DEVICE"));
  EXPECT_THAT(usage_text(costs_, {.pin = {"layer1="}}), HasSubstr("expected GLOB=DEVICE"));
  EXPECT_THAT(usage_text(costs_, {.pin = {"layer1=cpu:7"}}),
              AllOf(HasSubstr("unknown device \"cpu:7\""), HasSubstr("cpu:0, cpu:1, cpu:2")));
  EXPECT_THAT(usage_text(costs_, {.max_memory = {"cpu:0=lots"}}),
              AllOf(HasSubstr("\"lots\""), HasSubstr("512MiB")));
  EXPECT_THAT(usage_text(costs_, {.max_memory = {"gpu=1GiB"}}), HasSubstr("unknown device"));
}

TEST_F(ConstraintsTest, ListsAllContradictionsWithTheRulesThatMakeThem) {
  const std::string text =
      usage_text(costs_, {.pin = {"layer0/forward=cpu:0", "layer1.weight=cpu:1"},
                          .forbid = {"layer0/forward=cpu:0", "layer1/update=cpu:1"}});
  EXPECT_THAT(text, AllOf(HasSubstr("\"layer0/forward\" has no device left"),
                          HasSubstr("--pin \"layer0/forward=cpu:0\""),
                          HasSubstr("--forbid \"layer0/forward=cpu:0\"")));
  EXPECT_THAT(
      text, AllOf(HasSubstr("\"layer1.weight\" has no device left"),
                  HasSubstr("--forbid \"layer1/update=cpu:1\""), HasSubstr("must share a device")));
}

TEST(Constraints, UnsupportedOpsAreTakenOffDevices) {
  const test::RandomGraphOptions graph_options{.nodes = 200, .unsupported = 0.3};
  const Workload workload = test::random_workload(7, graph_options);
  const Cluster cluster = test::random_cluster(7, {.devices = 4});
  const CostModel costs(workload, cluster);
  const Constraints constraints = resolve_constraints(costs, {});
  std::vector<std::uint64_t> mask_of_unit(constraints.num_units, 0);
  for (std::size_t v = 0; v < workload.graph.size(); ++v) {
    EXPECT_EQ(constraints.allowed[v] & ~costs.supported(id_at<NodeId>(v)), 0U);
    std::uint64_t& mask = mask_of_unit[constraints.unit_of[v]];
    mask = mask == 0 ? constraints.allowed[v] : mask;
    EXPECT_EQ(constraints.allowed[v], mask);
  }
}

TEST_F(ConstraintsTest, FirstViolationNamesNodeAndDevices) {
  const Constraints constraints = resolve({.pin = {"layer0/forward=cpu:0"}});
  Placement placement = all_on(workload_.graph, id_at<DeviceId>(0));
  EXPECT_EQ(first_violation(workload_.graph, cluster_, constraints, placement), "");
  placement.device[node("layer0/forward")] = id_at<DeviceId>(1);
  EXPECT_THAT(first_violation(workload_.graph, cluster_, constraints, placement),
              AllOf(HasSubstr("layer0/forward"), HasSubstr("cpu:1"), HasSubstr("cpu:0")));
  placement = all_on(workload_.graph, id_at<DeviceId>(0));
  placement.device[node("layer1/update")] = id_at<DeviceId>(1);
  EXPECT_THAT(first_violation(workload_.graph, cluster_, constraints, placement),
              AllOf(HasSubstr("layer1/update"), HasSubstr("must be with \"layer1.weight\"")));
  placement.device.pop_back();
  EXPECT_NE(first_violation(workload_.graph, cluster_, constraints, placement), "");
}

}  // namespace
}  // namespace placer
