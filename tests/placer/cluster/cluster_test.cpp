#include "placer/cluster/cluster.h"

#include <gmock/gmock.h>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr DeviceId kA{0};
constexpr DeviceId kB{1};
constexpr DeviceId kC{2};

Device device(const std::string& name, const std::string& kind = "cpu-core") {
  return {.name = name,
          .kind = kind,
          .memory = Bytes{1 << 20},
          .pool = {},
          .cores = {},
          .overhead = {}};
}

Link link(const std::string& name, std::vector<std::pair<DeviceId, DeviceId>> pairs) {
  return {.name = name,
          .pairs = std::move(pairs),
          .latency = SimTime{5},
          .bytes_per_second = {},
          .shared = false};
}

Cluster three() {
  return {
      "three",
      {device("a"), device("b"), device("c", "gpu")},
      {link("ab", {{kA, kB}, {kB, kA}}), link("rest", {{kA, kC}, {kC, kA}, {kB, kC}, {kC, kB}})}};
}

TEST(Cluster, FindsDevicesLinksAndKinds) {
  const Cluster cluster = three();
  EXPECT_EQ(cluster.find("b"), kB);
  EXPECT_FALSE(cluster.find("z").has_value());
  EXPECT_EQ(cluster.link(cluster.link_between(kC, kB)).name, "rest");
  EXPECT_THAT(cluster.kinds(), testing::ElementsAre("cpu-core", "gpu"));
}

TEST(Cluster, NeedsOneLinkForEveryPair) {
  EXPECT_THROW(Cluster("x", {device("a"), device("b")}, {link("one", {{kA, kB}})}), LogicError);
  EXPECT_THROW(Cluster("x", {device("a"), device("b")},
                       {link("one", {{kA, kB}, {kB, kA}}), link("two", {{kA, kB}})}),
               LogicError);
  EXPECT_NO_THROW(Cluster("x", {device("a")}, {}));
}

TEST(Cluster, RefusesEqualNamesAndTooManyDevices) {
  EXPECT_THROW(Cluster("x", {device("a"), device("a")}, {link("l", {{kA, kB}, {kB, kA}})}),
               LogicError);
  EXPECT_THROW(Cluster("x", {}, {}), LogicError);
}

}  // namespace
}  // namespace placer
